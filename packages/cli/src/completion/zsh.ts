import type { Completions } from "./completions.ts";
import { shellCases } from "./shell-cases.ts";

/** A script for zsh: `source <(stowage completion zsh)`, or `_stowage` in a folder of `fpath`. */
export function zshCompletion(completions: Completions): string {
  const { verbs, globalOptions, options, values } = shellCases(completions);
  return `#compdef stowage
_stowage() {
  local word=$words[CURRENT] previous=$words[CURRENT-1] verb= found= index
  for ((index = 2; index < CURRENT; index++)); do
    case $words[index] in
      --color) ((index++)) ;;
      -*) ;;
      *) verb=$words[index]; break ;;
    esac
  done
  if [[ $word == --*=* ]]; then
    previous=\${word%%=*}
    compset -P '*='
  fi
  case "$verb $previous" in
${values.map(({ pattern, words, isFile }) => `    ${pattern}) ${isFile ? "_files" : words === "" ? ":" : `compadd -- ${words}`}; return ;;`).join("\n")}
  esac
  case $verb in
    '') found='${verbs}' ;;
    help) [[ $word == -* ]] || found='${verbs}' ;;
${options.map(({ verb, words }) => `    ${verb}) [[ $word != -* ]] || found='${words}' ;;`).join("\n")}
  esac
  [[ -z $verb && $word == -* ]] && found='${globalOptions} --version'
  if [[ -n $found ]]; then compadd -- \${=found}
  elif [[ $word != -* ]]; then _files; fi
}
if [[ \${funcstack[1]} == _stowage ]]; then _stowage "$@"
elif (( $+functions[compdef] )); then compdef _stowage stowage; fi
`;
}
