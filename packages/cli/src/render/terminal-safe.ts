// oxlint-disable no-control-regex -- control characters are what this is about
/**
 * Text from outside made safe for a terminal: control characters (C0, DEL, C1) and the bidirectional controls that
 * reorder what is read are shown as escapes.
 */
export function terminalSafe(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    escapeCharacter,
  );
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
