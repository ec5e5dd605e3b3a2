import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
/** Terminals that know it show what stands between at once, so that nothing flickers; others ignore it. */
const BEGIN_UPDATE = '\x1b[?2026h'
const END_UPDATE = '\x1b[?2026l'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
const CLEAR_SCREEN = '\x1b[2J\x1b[H'

/** Draws lines over those that it drew before, at the bottom of what a terminal shows. */
export class Screen {
  readonly #terminal: WriteStream
  #drawn = 0
  #resized = false
  readonly #restore = () => {
    this.#terminal.write(SHOW_CURSOR)
  }
  readonly #resize = () => {
    // Lines were broken anew, and nobody knows where they stand now.
    this.#resized = true
  }

  constructor(terminal: WriteStream) {
    this.#terminal = terminal
    terminal.write(HIDE_CURSOR)
    terminal.on('resize', this.#resize)
    process.on('exit', this.#restore)
  }

  /** How wide lines can be: terminals disagree on where the cursor is once the last column is written. */
  get columns(): number {
    return (this.#terminal.columns || 80) - 1
  }

  /** How many lines can be drawn: one is left for the cursor. */
  get rows(): number {
    return (this.#terminal.rows || 24) - 1
  }

  /** Draws as many of `lines` as there is room for. */
  draw(lines: readonly string[]): void {
    const shown = lines.slice(0, this.rows)
    this.#write(`${shown.map((line) => this.#cut(line) + CLEAR_LINE).join('\n')}\n${CLEAR_BELOW}`)
    this.#drawn = shown.length
  }

  /** Draws for the last time: all of `lines`, even if some scroll out of view, below a text of any width. */
  leave(text: string, lines: readonly string[]): void {
    this.#write(`${CLEAR_BELOW}${[text, ...lines.map((line) => this.#cut(line))].join('\n')}\n`)
    this.#drawn = 0
  }

  /** What was drawn last stays. */
  close(): void {
    this.#terminal.off('resize', this.#resize)
    process.off('exit', this.#restore)
    this.#restore()
  }

  #write(text: string): void {
    const start = this.#resized ? CLEAR_SCREEN : this.#drawn > 0 ? `\x1b[${this.#drawn}A\r` : '\r'
    this.#resized = false
    this.#terminal.write(`${BEGIN_UPDATE}${start}${text}${END_UPDATE}`)
  }

  /** A line that broke in two would put all others in the wrong place. */
  #cut(line: string): string {
    const plain = stripVTControlCharacters(line)
    return plain.length <= this.columns ? line : `${plain.slice(0, Math.max(0, this.columns - 1))}…`
  }
}
