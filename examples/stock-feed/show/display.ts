import type { WriteStream } from 'node:tty'
import type { Verdict } from '../verdict.js'
import { describe, describeHappening } from './lines.js'
import { draw, painter } from './picture.js'
import type { Spectator } from './scene.js'
import { Screen } from './screen.js'

/** How a play is shown. */
export interface Display {
  /** Shows the last moment, and what was found. */
  end(verdict: Verdict): void
  /** Stops showing, whether there was an end or not. */
  close(): void
}

type Output = NodeJS.WriteStream & { readonly fd: 1 }

/** A picture that changes for a terminal, lines for a pipe or a file; the verdict alone where that was asked for. */
export function displayOn(output: Output, headless: boolean, spectator: Spectator): Display {
  if (headless) return new VerdictAlone(output)
  return output.isTTY && process.env.TERM !== 'dumb' ? new Picture(output, spectator) : new Lines(output, spectator)
}

class VerdictAlone implements Display {
  constructor(private readonly output: Output) {}

  end(verdict: Verdict): void {
    this.output.write(`${JSON.stringify(verdict)}\n`)
  }

  close(): void {}
}

/** Pictures a second are few enough to be read, and enough to look alive. */
const PICTURE_MS = 100
const LINES_MS = 1_000

class Picture implements Display {
  readonly #screen: Screen
  readonly #spectator: Spectator
  readonly #paint: ReturnType<typeof painter>
  readonly #timer: NodeJS.Timeout

  constructor(terminal: WriteStream, spectator: Spectator) {
    this.#screen = new Screen(terminal)
    this.#spectator = spectator
    this.#paint = painter(terminal.hasColors())
    this.#timer = setInterval(() => this.#screen.draw(this.#picture(0)), PICTURE_MS)
  }

  end(verdict: Verdict): void {
    const style = verdict.ok ? 'green' : 'red'
    const sentences = ['', ...sentencesOf(verdict).map((sentence) => this.#paint(style, sentence))]
    // The line is long: it goes above, where it can be scrolled to, and the last picture stays in view.
    const line = this.#paint('dim', JSON.stringify(verdict))
    this.#screen.leave(line, [...this.#picture(sentences.length), ...sentences])
  }

  close(): void {
    clearInterval(this.#timer)
    this.#screen.close()
  }

  /** @param below how many lines are to be left for something else */
  #picture(below: number): string[] {
    const { columns, rows } = this.#screen
    return draw(this.#spectator.look(), columns, rows - below, this.#paint)
  }
}

class Lines implements Display {
  readonly #output: Output
  readonly #spectator: Spectator
  readonly #timer: NodeJS.Timeout
  #told = 0

  constructor(output: Output, spectator: Spectator) {
    this.#output = output
    this.#spectator = spectator
    this.#timer = setInterval(() => this.#write(), LINES_MS)
  }

  end(verdict: Verdict): void {
    this.#write()
    for (const sentence of sentencesOf(verdict)) this.#output.write(`${sentence}\n`)
    this.#output.write(`${JSON.stringify(verdict)}\n`)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #write(): void {
    const scene = this.#spectator.look()
    const news = scene.happenings.slice(this.#told).map(describeHappening)
    this.#told = scene.happenings.length
    for (const line of [...news, ...describe(scene)]) this.#output.write(`${line}\n`)
  }
}

function sentencesOf({ ok, digest, failures }: Verdict): string[] {
  if (!ok) return [`Wrong: ${failures.length} of the checks did not hold.`]
  return [
    'Right: every ledger balances, both sides agree,',
    'and the complete books are those of the file:',
    `sha256 ${digest}`,
  ]
}
