/** What one measurement is about: the same for all who take part in it. */
export interface Task {
  /** Connections from the sending process to the receiving one. */
  readonly links: number
  /** Bytes of data in each message, beside its topic. */
  readonly size: number
  /** Topics that messages are spread over, each once in a round. */
  readonly topics: number
  /** Topics that each link wants; the others are filtered out before they are sent. */
  readonly wanted: number
  /** How a contender that has several ways of doing it is to send and receive. */
  readonly manner?: string
  /** Messages a second at most, for a contender that paces itself. */
  readonly rate?: number
}

/** Uses one message. Everybody calls it for each message, with the bytes in which its data lies. */
export type Take = (bytes: Uint8Array, at: number, size: number) => void

/** The end in the sending process. It listens. */
export interface SendingEnd {
  readonly port: number
  /** Resolves when every link of the receiving end is connected and has told what it wants. */
  linked(): Promise<void>
  /** Sends as many messages as fast as the receiving end takes them. Resolves when none of them has to wait for room. */
  flood(count: number): Promise<void>
  /** Sends one message to an idle receiving end. */
  send(data: Uint8Array): void
  /** Uses what the receiving end says on the same connection, where there is such a way. */
  answers?(take: Take): void
}

/** The end in the receiving process. It dials, and calls its {@link Take} for each message. */
export interface ReceivingEnd {
  /** Says something on the same connection, where there is such a way. */
  answer?(data: Uint8Array): void
  /** What the reader of the results should know of this end, such as that the system gave less than was asked for. */
  readonly remark?: string | undefined
}

/** One way of moving messages from process to process. */
export interface Contender {
  send(task: Task): Promise<SendingEnd>
  receive(task: Task, port: number, take: Take): Promise<ReceivingEnd>
}

/** Work that one process does by itself, without sending anything: makes ready, and returns what uses `count` messages. */
export type Prepare = (task: Task) => Promise<(count: number) => Promise<void> | void>

/** All topics of a task. None is a prefix of another one. */
export function topicsOf({ topics }: Task): string[] {
  return Array.from({ length: topics }, (_, i) => `topic.${String(i).padStart(5, '0')}`)
}

/** The topics that a link wants, spread evenly over all of them. */
export function wantedBy(task: Task, link: number): string[] {
  const step = task.topics / task.wanted
  return topicsOf(task).filter((_, i) => i % step === link % step)
}

/** How many of `count` messages arrive, on all links together, where `count` is whole rounds over the topics. */
export function deliveries({ topics, wanted, links }: Task, count: number): number {
  return (count * wanted * links) / topics
}

/** In which order topics are sent: as if by chance, so that neighbours have nothing in common; always the same. */
export function orderOf(topics: number): Uint32Array {
  const order = Uint32Array.from({ length: topics }, (_, i) => i)
  let state = 1
  for (let i = topics - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const j = state % (i + 1)
    const other = order[j] as number
    order[j] = order[i] as number
    order[i] = other
  }
  return order
}
