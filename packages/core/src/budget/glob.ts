/** Whether a name fits a pattern in which `*` stands for any characters and `?` for one. Linear, whatever the pattern. */
export function matchesGlob(pattern: string, name: string): boolean {
  let [inPattern, inName] = [0, 0];
  /** After the last `*`, and how much of the name it stands for so far. */
  let [afterStar, starEnd] = [-1, 0];
  while (inName < name.length) {
    const wanted = pattern[inPattern];
    if (wanted === "*") {
      afterStar = ++inPattern;
      starEnd = inName;
    } else if (wanted === "?" || wanted === name[inName]) {
      inPattern++;
      inName++;
    } else if (afterStar !== -1) {
      inPattern = afterStar;
      inName = ++starEnd;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(inPattern));
}
