import { FanwireError, wordsOf } from './errors.js'
import type { Memory } from './memory.js'
import type { Platform, SpillFile, Timer } from './platform.js'
import { SLAB_BYTES, type Slab, type SlabPool } from './slab.js'

/** Bytes that may wait to be written; `send()` waits for the disk beyond. */
const MOST_QUEUED_BYTES = 16 * SLAB_BYTES
/** Bytes of one file: it goes as soon as the last of it was read, or needs it no more. */
const FILE_BYTES = 64 * 1024 * 1024
/** Milliseconds until it is looked again for memory to read into. */
const RETRY_MS = 20
/** Bytes of one write. */
const WRITE_BYTES = 4 * SLAB_BYTES

export interface SpillHost {
  /** Where the links stand that have not read everything. */
  readers(): Iterable<number>
  /** Something was written: there may be memory again. */
  stored(): void
  /** Nothing more is written before all that was has been read. */
  failed(error: FanwireError): void
  /** What was written from `first` up to but not including `next` cannot be read. */
  lost(error: FanwireError, first: number, next: number): void
}

/** A slab that has left the window for the disk: the newest ones are still being written, and some are being read. */
interface Page {
  readonly first: number
  readonly count: number
  readonly origin: number
  readonly used: number
  /** Bytes of the slab that it came from, and of the one that it is read into. */
  readonly size: number
  /** Where it is written; undefined while it is not. */
  place: { readonly file: Volume; readonly at: number } | undefined
  /** Its content, as long as it is in memory. */
  slab: Slab | undefined
  loading: Promise<void> | undefined
}

/** A file and how many pages in it somebody has yet to read. */
interface Volume {
  readonly handle: SpillFile
  size: number
  pages: number
}

/**
 * What has left the window of a log although links need it: slabs in files, in their order, written once for all links.
 * It is an overflow of memory: nothing in it outlives the producer.
 */
export class Spill {
  readonly #pages: Page[] = []
  /** Pages of which the content is in memory. */
  readonly #resident = new Set<Page>()
  /** Pages to be written, the first `#inWrite` of which are just being. */
  readonly #queue: Page[] = []
  #inWrite = 0
  #queuedBytes = 0
  #volume: Volume | undefined
  /** Who waits for memory to read into. */
  readonly #waiting = new Map<object, () => void>()
  #timer: Timer | undefined
  #writing = false
  #closed = false
  #error: FanwireError | undefined

  constructor(
    readonly directory: string,
    private readonly platform: Platform,
    private readonly pool: SlabPool,
    /** Takes back the memory of a slab, as soon as no carrier holds it. */
    private readonly retire: (slab: Slab) => void,
    private readonly memory: Memory,
    private readonly host: SpillHost,
  ) {
    memory.spares.add(this)
  }

  /** The number of its first message; undefined while it is empty. */
  get start(): number | undefined {
    return this.#pages[0]?.first
  }

  /** More can be written. After a failure nothing can until all that was written has been read. */
  get usable(): boolean {
    return this.#error === undefined && !this.#closed
  }

  /** The disk is slower than the producer. */
  get behind(): boolean {
    return this.#queuedBytes >= MOST_QUEUED_BYTES
  }

  /** Something is still to be written. */
  get writes(): boolean {
    return this.usable && this.#queue.length > 0
  }

  /** Writes `slab`, the oldest of the window, which follows the last page. */
  add(slab: Slab): void {
    const { first, count, origin, used } = slab
    const page: Page = {
      first,
      count,
      origin,
      used,
      size: slab.bytes.length,
      place: undefined,
      slab,
      loading: undefined,
    }
    this.#pages.push(page)
    this.#resident.add(page)
    this.#queue.push(page)
    this.#queuedBytes += used
    void this.#write()
  }

  /** The slab that holds `number`, where that is in memory. */
  slabOf(number: number): Slab | undefined {
    return this.#pageOf(number)?.slab
  }

  /** Bytes of all messages before `number`, an estimate within a page that is not in memory; undefined where there is no page of it. */
  bytesBefore(number: number): number | undefined {
    const page = this.#pageOf(number)
    if (page === undefined) return undefined
    const index = number - page.first
    return page.origin + (page.slab?.startOf(index) ?? Math.floor((page.used * index) / page.count))
  }

  /**
   * Has the page of `number`, and the one behind it, in memory as soon as there is room for them; calls back when the
   * former is. `reader` waits for one page at a time.
   */
  load(number: number, reader: object, done: () => void): void {
    this.#shed()
    const page = this.#pageOf(number)
    if (page === undefined) return
    if (page.slab !== undefined) {
      this.platform.defer(done)
      return
    }
    if (page.loading === undefined && !this.pool.affords(page.size, page.count)) {
      // Nobody tells when there is memory.
      this.#waiting.set(reader, () => this.load(number, reader, done))
      this.#timer ??= this.platform.timer(RETRY_MS, () => this.#retry())
      return
    }
    page.loading ??= this.#read(page, (error) => this.host.lost(error, page.first, page.first + page.count))
    void page.loading.then(done)
    const next = this.#pageOf(page.first + page.count)
    if (next === undefined || next.slab !== undefined || !this.pool.spares(next.size, next.count)) return
    // If that fails it is tried again when it is needed.
    next.loading ??= this.#read(next, () => undefined)
  }

  #retry(): void {
    this.#timer = undefined
    const again = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const load of again) load()
  }

  /** Lets go of the memory of all that is on the disk as well: somebody needs it. */
  trim(): void {
    this.#evict(new Set())
  }

  /** Nobody needs what lies below `floor` any more. */
  release(floor: number): void {
    while (this.#pages[0] !== undefined && this.#pages[0].first + this.#pages[0].count <= floor) {
      this.#forget(this.#pages.shift() as Page)
    }
    if (this.#pages.length === 0) this.#begin()
  }

  /** Nothing is left: the next file is a new one, and the disk may be better than it was. */
  #begin(): void {
    this.#error = undefined
    if (this.#volume !== undefined) this.#leave(this.#volume)
    this.#volume = undefined
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.memory.spares.delete(this)
    this.release(Infinity)
  }

  #pageOf(number: number): Page | undefined {
    const pages = this.#pages
    let low = 0
    let high = pages.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((pages[middle] as Page).first <= number) low = middle
      else high = middle - 1
    }
    const page = pages[low]
    return page !== undefined && number >= page.first && number < page.first + page.count ? page : undefined
  }

  async #write(): Promise<void> {
    if (this.#writing) return
    this.#writing = true
    while (this.#queue.length > 0 && this.usable) await this.#writeSome()
    this.#writing = false
  }

  /** Writes the first of the queue, as many as go in one write. */
  async #writeSome(): Promise<void> {
    const pages: Page[] = []
    const parts: Uint8Array[] = []
    let bytes = 0
    for (const page of this.#queue) {
      if (bytes > 0 && bytes + page.used > WRITE_BYTES) break
      pages.push(page)
      parts.push(...contentOf(page, page.slab as Slab))
      bytes += page.used
    }
    this.#inWrite = pages.length
    try {
      let volume = await this.#openVolume()
      // Whoever had a turn meanwhile may have left it.
      while (volume !== this.#volume) volume = await this.#openVolume()
      let at = volume.size
      for (const page of pages) {
        // It may have been read from memory meanwhile, and nobody need it any more: then it is written for nothing.
        if (page.slab !== undefined) {
          page.place = { file: volume, at }
          volume.pages++
        }
        at += sizeOf(page)
      }
      await volume.handle.write(parts, volume.size)
      volume.size = at
    } catch (cause) {
      this.#inWrite = 0
      for (const page of pages) {
        if (page.slab === undefined) this.#unqueue(page)
        else this.#unplace(page)
      }
      if (this.#closed) return
      this.#fail(cause)
      if (this.#pages.length === 0) this.#begin()
      return
    }
    this.#inWrite = 0
    this.#queue.splice(0, pages.length)
    this.#queuedBytes -= bytes
    this.#shed()
    if (!this.#closed) this.host.stored()
  }

  async #openVolume(): Promise<Volume> {
    if (this.#closed) throw new Error('closed meanwhile')
    const volume = this.#volume
    if (volume !== undefined && volume.size < FILE_BYTES) return volume
    const { spill } = this.platform
    if (spill === undefined) throw new Error('there are no files here')
    await spill.prepare(this.directory)
    const handle = await spill.open(this.directory)
    if (this.#closed) {
      handle.close()
      throw new Error('closed meanwhile')
    }
    // What was left meanwhile was left by itself as well.
    if (this.#volume !== undefined) this.#leave(this.#volume)
    // It counts itself until the next one is opened.
    this.#volume = { handle, size: 0, pages: 1 }
    return this.#volume
  }

  async #read(page: Page, failed: (error: FanwireError) => void): Promise<void> {
    const { place } = page
    if (place === undefined) return
    const slab = this.pool.takeSized(page.size)
    while (slab.ends.length < page.count) this.pool.growIndex(slab)
    slab.reset(page.first, page.origin)
    slab.count = page.count
    slab.used = page.used
    try {
      await place.file.handle.read(contentOf(page, slab), place.at)
      if (page.place === undefined) throw new Error('it was given up meanwhile')
      page.slab = slab
      this.#resident.add(page)
    } catch (cause) {
      this.retire(slab)
      page.loading = undefined
      if (page.place !== undefined) failed(this.#errorOf('give back', cause))
    }
    page.loading = undefined
  }

  /** Lets go of the memory of pages that are on the disk and that nobody is about to read. */
  #shed(): void {
    const wanted = new Set<Page | undefined>()
    for (const number of this.host.readers()) {
      const page = this.#pageOf(number)
      if (page === undefined) continue
      wanted.add(page).add(this.#pageOf(page.first + page.count))
    }
    this.#evict(wanted)
  }

  #evict(wanted: ReadonlySet<Page | undefined>): void {
    const queued = new Set(this.#queue)
    for (const page of this.#resident) {
      if (wanted.has(page) || queued.has(page)) continue
      this.#resident.delete(page)
      this.retire(page.slab as Slab)
      page.slab = undefined
    }
  }

  #forget(page: Page): void {
    if (page.slab !== undefined) {
      this.#resident.delete(page)
      this.retire(page.slab)
      page.slab = undefined
    }
    if (this.#queue.indexOf(page) >= this.#inWrite) this.#unqueue(page)
    this.#unplace(page)
  }

  #unqueue(page: Page): void {
    const at = this.#queue.indexOf(page)
    if (at < 0) return
    this.#queue.splice(at, 1)
    this.#queuedBytes -= page.used
  }

  #unplace(page: Page): void {
    const { place } = page
    page.place = undefined
    if (place !== undefined) this.#leave(place.file)
  }

  #leave(volume: Volume): void {
    if (--volume.pages === 0) volume.handle.close()
  }

  #fail(cause: unknown): void {
    this.#error = this.#errorOf('take', cause)
    this.host.failed(this.#error)
  }

  #errorOf(what: string, cause: unknown): FanwireError {
    const message = `the disk did not ${what} what waits in ${this.directory}: ${wordsOf(cause)}`
    return new FanwireError('SPILL_FAILED', message, { cause })
  }
}

function sizeOf(page: Page): number {
  return page.count * Uint32Array.BYTES_PER_ELEMENT + page.used
}

/** Where each message ends, and the messages. */
function contentOf({ count, used }: Page, { ends, bytes }: Slab): [Uint8Array, Uint8Array] {
  return [new Uint8Array(ends.buffer, ends.byteOffset, count * ends.BYTES_PER_ELEMENT), bytes.subarray(0, used)]
}
