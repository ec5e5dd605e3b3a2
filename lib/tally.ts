export type TallyCounts = Readonly<Pick<Tally, Exclude<keyof Tally, 'owed' | 'add' | 'counts'>>>

/**
 * What became of every message that arrived in one stream, or through one link whose peer gives no numbers:
 * `received = delivered + unwanted + inboxDropped + inboxWaiting + undecodable`.
 */
export class Tally {
  received = 0
  delivered = 0
  unwanted = 0
  inboxDropped = 0
  inboxWaiting = 0
  undecodable = 0
  /** What messages that were not delivered would have told to be missing: the next one to arrive tells of it. */
  owed = 0

  counts(): TallyCounts {
    const { received, delivered, unwanted, inboxDropped, inboxWaiting, undecodable } = this
    return { received, delivered, unwanted, inboxDropped, inboxWaiting, undecodable }
  }

  /** Takes over what another one has counted. */
  add(other: Tally): void {
    this.received += other.received
    this.delivered += other.delivered
    this.unwanted += other.unwanted
    this.inboxDropped += other.inboxDropped
    this.inboxWaiting += other.inboxWaiting
    this.undecodable += other.undecodable
  }
}
