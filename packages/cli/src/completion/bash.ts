import type { Completions } from "./completions.ts";
import { shellCases } from "./shell-cases.ts";

/** A script for bash: `source <(stowage completion bash)`. */
export function bashCompletion(completions: Completions): string {
  const { verbs, globalOptions, options, values } = shellCases(completions);
  return `# bash completion for stowage
_stowage() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} verb= words= index
  # --option=value comes in three words.
  if [[ $word == = ]]; then word=
  elif [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      --color) ((index++)) ;;
      -*|=) ;;
      *) verb=\${COMP_WORDS[index]}; break ;;
    esac
  done
  case "$verb $previous" in
${values.map(({ pattern, words, isFile }) => `    ${pattern}) ${isFile ? '_stowage_files "$word"' : `COMPREPLY=($(compgen -W '${words}' -- "$word"))`}; return ;;`).join("\n")}
  esac
  case $verb in
    '') words='${verbs}' ;;
    help) [[ $word == -* ]] || words='${verbs}' ;;
${options.map(({ verb, words }) => `    ${verb}) [[ $word != -* ]] || words='${words}' ;;`).join("\n")}
  esac
  [[ -z $verb && $word == -* ]] && words='${globalOptions} --version'
  if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$word"))
  elif [[ $word != -* ]]; then _stowage_files "$word"; fi
}
_stowage_files() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -- "$1"))
}
complete -F _stowage stowage
`;
}
