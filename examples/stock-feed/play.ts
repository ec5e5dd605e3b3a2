import { join } from 'node:path'
import type { Day } from 'fanwire/itch'
import type { Channel } from './channel.js'
import type { Options } from './options.js'
import type {
  FeedReport,
  PublisherReport,
  PublisherTask,
  RelayReport,
  RelayTask,
  ViewerReport,
  ViewerTask,
} from './reports.js'
import { formatCount } from './show/figures.js'
import type { Child, Stage } from './stage.js'
import {
  absenceOf,
  feedNames,
  feedReaders,
  type Name,
  relayNames,
  relayReader,
  type Viewer,
  viewersOf,
} from './viewers.js'

/** So many messages behind the newest, a viewer that has come back catches up. */
const BEHIND = 5_000
/** How far the publisher may be ahead of what it was last told of everybody who receives the feed, in messages. */
const LEASH = 50_000

/** Something that happened, for people. */
export interface Happening {
  /** Milliseconds since the play began. */
  readonly at: number
  readonly who: Name | 'publisher' | 'relay'
  readonly what: string
}

/** What all have reported last, once all have ended. */
export interface Ending {
  readonly repeat: number
  readonly elapsed: number
  readonly channel: Channel['kind']
  readonly publisher: PublisherReport
  readonly relay: RelayReport
  readonly viewers: Readonly<Record<Name, ViewerReport>>
  /** The viewer that returns, before it was killed. */
  readonly before: ViewerReport | undefined
}

/** The plot: who is started when, who is killed, how it ends. It waits for what processes report, never for time. */
export class Play {
  readonly repeat: number
  /** Messages of the file in all passes. */
  readonly total: number
  readonly tasks: Readonly<Record<Name, Viewer>>
  readonly happenings: Happening[] = []
  publisher: Child<PublisherReport> | undefined
  relay: Child<RelayReport> | undefined
  readonly viewers = new Map<Name, Child<ViewerReport>>()
  readonly #stage: Stage
  readonly #options: Options
  readonly #channel: Channel
  readonly #day: Day
  readonly #directory: string
  readonly #began = performance.now()
  /** What `returns` reported last before it was killed. */
  #before: ViewerReport | undefined
  #leash = LEASH

  /** @param directory for what viewers keep while the play lasts */
  constructor(options: Options, channel: Channel, day: Day, directory: string, stage: Stage) {
    this.#options = options
    this.#channel = channel
    this.#day = day
    this.#directory = directory
    this.#stage = stage
    this.repeat = options.repeat
    this.total = day.records * options.repeat
    this.tasks = viewersOf(this.total)
  }

  /** Milliseconds since it began. */
  get elapsed(): number {
    return performance.now() - this.#began
  }

  async perform(): Promise<Ending> {
    const relay = this.#openRelay()
    for (const name of feedNames) this.#open(name)
    const readers = feedNames.map((name) => this.#viewer(name))
    await this.#stage.until(() => [relay, ...readers].every(({ report }) => report !== undefined))
    // All are there to hear its first word, so that each can be held to every datagram.
    const publisher = this.#openPublisher()
    for (const name of relayNames) this.#open(name)
    await this.#stage.until(() => relay.phase === 'relaying' && readers.every(({ phase }) => phase === 'reading'))
    this.#tell('publisher', `has ${formatCount(this.total)} messages for ${this.#channel.publisher.lines.join(' ')}`)
    this.#tell('relay', `has its viewers at ${relay.report?.url}`)
    this.#watch(relay)
    publisher.tell('start')
    await Promise.all([this.#interrupt(publisher), this.#lead(publisher, relay)])
    await this.#finish(publisher, relay)
    const { repeat, elapsed, viewers } = this
    return {
      repeat,
      elapsed,
      channel: this.#channel.kind,
      publisher: publisher.report as PublisherReport,
      relay: relay.report as RelayReport,
      viewers: Object.fromEntries(Array.from(viewers, ([name, { report }]) => [name, report])) as Ending['viewers'],
      before: this.#before,
    }
  }

  /** Reads what others have read already. */
  isBehind(name: Name): boolean {
    const { report } = this.#viewer(name)
    return (this.publisher?.report?.next ?? 0) - (report?.ledger?.next ?? 0) > BEHIND
  }

  /** Lets the publisher go on as far as everybody is sure to keep up, until all is published. */
  async #lead(publisher: Child<PublisherReport>, relay: Child<RelayReport>): Promise<void> {
    const mayGoOn = () => !relay.report?.stretched && this.#slowest(relay) + LEASH > this.#leash
    while (publisher.phase !== 'published') {
      await this.#stage.until(() => publisher.phase === 'published' || mayGoOn())
      this.#leash = Math.max(this.#leash, this.#slowest(relay) + LEASH)
      publisher.tell({ leash: this.#leash })
    }
  }

  /** The number up to which everybody on the feed has taken what there was. */
  #slowest(relay: Child<RelayReport>): number {
    const ledgers = [relay.report?.received.ledger, ...feedNames.map((name) => this.#viewer(name).report?.ledger)]
    return Math.min(...ledgers.map((ledger) => (ledger?.next ?? 0) - (ledger?.inboxWaiting ?? 0)))
  }

  /** Kills `returns` in the middle, and starts it again some time later. */
  async #interrupt(publisher: Child<PublisherReport>): Promise<void> {
    const { after, length } = absenceOf(this.total)
    const victim = this.#viewer('returns')
    await this.#stage.until(() => (victim.report?.taken ?? 0) >= after || victim.phase === 'ended')
    await victim.kill()
    this.#before = victim.report
    this.#tell('returns', `is killed after ${formatCount(victim.report?.taken)} messages`)
    const until = (publisher.report?.sent ?? 0) + length
    await this.#stage.until(() => publisher.phase === 'published' || (publisher.report?.sent ?? 0) >= until)
    const back = this.#open('returns')
    await this.#stage.until(() => back.phase !== undefined && back.phase !== 'linking')
    this.#tell('returns', `is back, and reads on at number ${formatCount(back.report?.resumed?.next)}`)
    await this.#stage.until(() => !this.isBehind('returns'))
    const missed = back.report?.missed ?? 0
    this.#tell('returns', `has caught up, and missed ${missed === 0 ? 'nothing' : formatCount(missed)}`)
  }

  /**
   * Closes all, those behind the relay first: links must be quiet, not gone, when both sides are compared. Then the
   * publisher, and those who hear it when they have heard its last word.
   */
  async #finish(publisher: Child<PublisherReport>, relay: Child<RelayReport>): Promise<void> {
    const onFeed = feedNames.map((name) => this.#viewer(name))
    const hasAll = ({ ledger }: FeedReport) =>
      ledger?.next === publisher.report?.next && ledger?.missing === 0 && ledger.inboxWaiting === 0
    await this.#stage.until(() => relay.report !== undefined && hasAll(relay.report.received))
    // It reads no more, and nothing that waits for it could ever be handed over.
    await this.#close(this.#viewer('stops'))
    const readers = relayNames.filter((name) => name !== 'stops').map((name) => this.#viewer(name))
    await this.#stage.until(() => readers.every(({ phase }) => phase === 'ended'))
    relay.tell('flush')
    await this.#stage.until(() => relay.phase === 'flushed')
    await Promise.all(readers.map((viewer) => this.#close(viewer)))
    await this.#stage.until(() => onFeed.every(({ report }) => report !== undefined && hasAll(report)))
    await this.#close(publisher)
    await this.#stage.until(() => this.#heardOut(publisher, relay))
    await Promise.all([...onFeed, relay].map((child) => this.#close(child)))
  }

  /** Every datagram that has left the publisher has come, or the system has thrown it away. */
  #heardOut(publisher: Child<PublisherReport>, relay: Child<RelayReport>): boolean {
    const sent = new Map(publisher.report?.lines.map(({ url, passed }) => [url, passed]))
    const reports = [relay.report?.received, ...feedNames.map((name) => this.#viewer(name).report)]
    const lines = reports.flatMap((report) => report?.lines ?? [])
    // Where the system does not tell what it threw away there is nothing to wait for.
    return lines.every(
      ({ url, datagrams, kernelDrops }) => kernelDrops === undefined || datagrams + kernelDrops >= (sent.get(url) ?? 0),
    )
  }

  async #close(child: Child<PublisherReport | RelayReport | ViewerReport>): Promise<void> {
    child.tell('close')
    await this.#stage.until(() => child.phase === 'closed')
    await child.ended()
  }

  #openPublisher(): Child<PublisherReport> {
    const { file, repeat, speed, impair } = this.#options
    const task: PublisherTask = {
      file,
      repeat,
      speed: Number.isFinite(speed) ? speed : null,
      place: this.#channel.publisher,
      impair,
      leash: LEASH,
    }
    this.publisher = this.#stage.start<PublisherReport>('the publisher', 'publisher.js', task)
    return this.publisher
  }

  #openRelay(): Child<RelayReport> {
    const task: RelayTask = { place: this.#place(0), reader: relayReader, viewers: relayNames.length }
    this.relay = this.#stage.start<RelayReport>('the relay', 'relay.js', task)
    return this.relay
  }

  #open(name: Name): Child<ViewerReport> {
    const task: ViewerTask = {
      name,
      viewer: this.tasks[name],
      source: this.#sourceOf(name),
      journal: join(this.#directory, name),
      milestone: absenceOf(this.total).after,
    }
    const child = this.#stage.start<ViewerReport>(`the viewer that ${name}`, 'viewer.js', task)
    this.viewers.set(name, child)
    return child
  }

  #sourceOf(name: Name): ViewerTask['source'] {
    const at = (feedNames as readonly Name[]).indexOf(name)
    const onFeed = feedNames[at]
    if (onFeed === undefined) return { url: this.relay?.report?.url ?? '' }
    return { place: this.#place(1 + at), reader: feedReaders[onFeed] }
  }

  #place(receiver: number): Channel['publisher'] {
    return this.#channel.receivers[receiver] as Channel['publisher']
  }

  #viewer(name: Name): Child<ViewerReport> {
    return this.viewers.get(name) as Child<ViewerReport>
  }

  /** Notes what happens by itself. */
  #watch(relay: Child<RelayReport>): void {
    const [follows, drops, stops] = [this.#viewer('follows'), this.#viewer('drops'), this.#viewer('stops')]
    const shrugs = this.#viewer('shrugs')
    const cut = () => relay.report?.connections.find(({ viewer, cut }) => viewer === 'stops' && cut !== undefined)
    for (const [name, viewer] of [
      ['arbitrates', this.#viewer('arbitrates')],
      ['follows', follows],
    ] as const) {
      this.#when(
        () => (viewer.report?.passes.ended ?? 0) > 0,
        () => {
          const right = viewer.report?.passes.digest === this.#day.digest
          this.#tell(name, `ends pass 1 with ${right ? 'the book' : 'another book than that'} of the file`)
        },
      )
    }
    this.#when(
      () => (shrugs.report?.ledger?.lost ?? 0) > 0,
      () => this.#tell('shrugs', 'has lost what both lines lost, and asks nobody'),
    )
    this.#when(
      () => (drops.report?.missed ?? 0) > 0,
      () => this.#tell('drops', 'is behind, and misses the oldest of what waits for it'),
    )
    this.#when(
      () => stops.phase === 'stopped',
      () => this.#tell('stops', `reads no more after ${formatCount(stops.report?.taken)} messages`),
    )
    this.#when(
      () => cut() !== undefined,
      () => this.#tell('stops', `is cut off, with ${formatCount(cut()?.dropped.exhausted)} messages waiting for it`),
    )
  }

  #when(holds: () => boolean, then: () => void): void {
    // What never happens is not waited for, and a failure is told elsewhere.
    this.#stage.until(holds).then(then, () => undefined)
  }

  #tell(who: Happening['who'], what: string): void {
    this.happenings.push({ at: this.elapsed, who, what })
  }
}
