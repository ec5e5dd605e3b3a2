import { join } from 'node:path'
import type { Day } from 'fanwire/itch'
import type { Options } from './options.js'
import type { PublisherReport, PublisherTask, ViewerReport, ViewerTask } from './reports.js'
import { formatCount } from './show/figures.js'
import type { Child, Stage } from './stage.js'
import { absenceOf, type Name, names, type Viewer, viewersOf } from './viewers.js'

/** So many messages behind the newest, a viewer that has come back catches up. */
const BEHIND = 5_000

/** Something that happened, for people. */
export interface Happening {
  /** Milliseconds since the play began. */
  readonly at: number
  readonly who: Name | 'publisher'
  readonly what: string
}

/** What all have reported last, once all have ended. */
export interface Ending {
  readonly repeat: number
  readonly elapsed: number
  readonly publisher: PublisherReport
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
  readonly viewers = new Map<Name, Child<ViewerReport>>()
  readonly #stage: Stage
  readonly #options: Options
  readonly #day: Day
  readonly #directory: string
  readonly #began = performance.now()
  /** What `returns` reported last before it was killed. */
  #before: ViewerReport | undefined

  /** @param directory for what viewers keep while the play lasts */
  constructor(options: Options, day: Day, directory: string, stage: Stage) {
    this.#options = options
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
    const { file, repeat, speed } = this.#options
    const task: PublisherTask = {
      file,
      repeat,
      speed: Number.isFinite(speed) ? speed : null,
      viewers: names.length,
    }
    const publisher = this.#stage.start<PublisherReport>('the publisher', 'publisher.js', task)
    this.publisher = publisher
    await this.#stage.until(() => publisher.report !== undefined)
    for (const name of names) this.#open(name, publisher)
    await this.#stage.until(() => publisher.phase !== 'listening')
    const { url } = publisher.report as PublisherReport
    this.#tell('publisher', `has its viewers at ${url}, and ${formatCount(this.total)} messages to send`)
    this.#watch(publisher)
    await Promise.all([this.#interrupt(publisher), this.#stage.until(() => publisher.phase === 'published')])
    await this.#finish(publisher)
    const { elapsed, viewers } = this
    return {
      repeat,
      elapsed,
      publisher: publisher.report as PublisherReport,
      viewers: Object.fromEntries(Array.from(viewers, ([name, { report }]) => [name, report])) as Ending['viewers'],
      before: this.#before,
    }
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
    const back = this.#open('returns', publisher)
    await this.#stage.until(() => back.phase !== undefined && back.phase !== 'linking')
    this.#tell('returns', `is back, and reads on at number ${formatCount(back.report?.resumed?.next)}`)
    await this.#stage.until(() => !this.isBehind('returns'))
    const missed = back.report?.missed ?? 0
    this.#tell('returns', `has caught up, and missed ${missed === 0 ? 'nothing' : formatCount(missed)}`)
  }

  /** Reads what others have read already. */
  isBehind(name: Name): boolean {
    const { report } = this.#viewer(name)
    return (this.publisher?.report?.next ?? 0) - (report?.ledger?.next ?? 0) > BEHIND
  }

  /** Closes all, the viewers first: their links must be quiet, not gone, when both sides are compared. */
  async #finish(publisher: Child<PublisherReport>): Promise<void> {
    // It reads no more, and nothing that waits for it could ever be handed over.
    await this.#close('stops')
    const readers = names.filter((name) => name !== 'stops')
    await this.#stage.until(() => readers.every((name) => this.#viewer(name).phase === 'ended'))
    publisher.tell('flush')
    await this.#stage.until(() => publisher.phase === 'flushed')
    await Promise.all(readers.map((name) => this.#close(name)))
    publisher.tell('close')
    await this.#stage.until(() => publisher.phase === 'closed')
    await publisher.ended()
  }

  async #close(name: Name): Promise<void> {
    const viewer = this.#viewer(name)
    viewer.tell('close')
    await this.#stage.until(() => viewer.phase === 'closed')
    await viewer.ended()
  }

  #open(name: Name, publisher: Child<PublisherReport>): Child<ViewerReport> {
    const { url } = publisher.report as PublisherReport
    const task: ViewerTask = {
      name,
      url,
      viewer: this.tasks[name],
      journal: join(this.#directory, name),
      milestone: absenceOf(this.total).after,
    }
    const child = this.#stage.start<ViewerReport>(`the viewer that ${name}`, 'viewer.js', task)
    this.viewers.set(name, child)
    return child
  }

  #viewer(name: Name): Child<ViewerReport> {
    return this.viewers.get(name) as Child<ViewerReport>
  }

  /** Notes what happens by itself. */
  #watch(publisher: Child<PublisherReport>): void {
    const [follows, drops, stops] = [this.#viewer('follows'), this.#viewer('drops'), this.#viewer('stops')]
    const cut = () => publisher.report?.connections.find(({ viewer, cut }) => viewer === 'stops' && cut !== undefined)
    this.#when(
      () => (follows.report?.passes.ended ?? 0) > 0,
      () => {
        const right = follows.report?.passes.digest === this.#day.digest
        this.#tell('follows', `ends pass 1 with ${right ? 'the book' : 'another book than that'} of the file`)
      },
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
