/** A group of units that shares a layer. */
export interface Cluster {
  /** Numbers of units. */
  readonly units: readonly number[];
  /** Bytes that are sent once more if the group is given up: the size of a layer that is there already, else 0. */
  readonly standing: number;
}
