// oxlint-disable no-control-regex -- control characters are what this is about
/**
 * A store directory's name as a drawing shows it: control and bidirectional characters, which neither XML nor a
 * terminal takes as text, are written out as `\\u001b`. Line feeds stay.
 */
export function visible(text: string): string {
  return text.replaceAll(
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
