import { EventEmitter } from 'node:events'
import type { WriteStream } from 'node:tty'
import t from 'tap'
import { Screen } from '../../../../examples/stock-feed/show/screen.js'

/** As much of a terminal as a screen needs: it moves up, clears, and breaks no line. */
class Terminal extends EventEmitter {
  lines: string[] = ['$ npm start', '']
  cursor = true
  updates = 0

  constructor(
    public columns: number,
    public rows: number,
  ) {
    super()
  }

  #row = 1
  #column = 0

  write(text: string): boolean {
    for (const [token] of text.replaceAll('\x1b', '␛').matchAll(/␛\[[?\d;]*[A-Za-z]|[^␛]/gu)) this.#take(token)
    return true
  }

  #take(token: string): void {
    const up = /^␛\[(\d+)A$/.exec(token)?.[1]
    if (up !== undefined) this.#row -= Number(up)
    else if (token === '␛[K') this.lines[this.#row] = this.#line.slice(0, this.#column)
    else if (token === '␛[J') this.lines.splice(this.#row, Infinity, this.#line.slice(0, this.#column))
    else if (token === '␛[2J') this.lines = ['']
    else if (token === '␛[H') this.#row = this.#column = 0
    else if (token === '␛[?25l') this.cursor = false
    else if (token === '␛[?25h') this.cursor = true
    else if (token === '␛[?2026h') this.updates++
    else if (token === '\r') this.#column = 0
    else if (token === '\n') this.#break()
    else if (!token.startsWith('␛')) this.#put(token)
  }

  get #line(): string {
    return this.lines[this.#row] ?? ''
  }

  #break(): void {
    this.#row++
    this.#column = 0
    this.lines[this.#row] ??= ''
  }

  #put(character: string): void {
    const line = this.#line.padEnd(this.#column)
    this.lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1)
    this.#column++
  }
}

function open(columns: number, rows: number) {
  const terminal = new Terminal(columns, rows)
  return { terminal, screen: new Screen(terminal as unknown as WriteStream) }
}

t.test('draws over what it drew before, and leaves the rest of the terminal alone', async (t) => {
  const { terminal, screen } = open(20, 10)
  screen.draw(['one', 'two', 'three'])
  t.strictSame(terminal.lines, ['$ npm start', 'one', 'two', 'three', ''])
  screen.draw(['1', 'zwei'])
  t.strictSame(terminal.lines, ['$ npm start', '1', 'zwei', ''])
  screen.draw(['1', '2', '3'])
  t.strictSame(terminal.lines, ['$ npm start', '1', '2', '3', ''])
  t.equal(terminal.updates, 3, 'each picture is one update')
  screen.close()
})

t.test('draws no line that the terminal would break, and no more lines than it has', async (t) => {
  const { terminal, screen } = open(8, 4)
  screen.draw(['\x1b[1m1234567\x1b[22m', '12345678', '3', '4', '5'])
  t.strictSame(terminal.lines, ['$ npm start', '1234567', '123456…', '3', ''])
  screen.close()
})

t.test('begins anew when the terminal has another size', async (t) => {
  const { terminal, screen } = open(20, 10)
  screen.draw(['one', 'two'])
  terminal.columns = 5
  terminal.emit('resize')
  screen.draw(['one', 'two and'])
  t.strictSame(terminal.lines, ['one', 'two…', ''])
  screen.close()
})

t.test('leaves a text of any length and all of the last picture', async (t) => {
  const { terminal, screen } = open(10, 4)
  screen.draw(['one', 'two'])
  screen.leave('a line that is longer than that', ['1', '2', '3', '4', '5'])
  t.strictSame(terminal.lines, ['$ npm start', 'a line that is longer than that', '1', '2', '3', '4', '5', ''])
  screen.close()
})

t.test('hides the cursor while it draws, and gives it back', async (t) => {
  const listeners = process.listenerCount('exit')
  const { terminal, screen } = open(20, 10)
  t.notOk(terminal.cursor)
  t.equal(process.listenerCount('exit'), listeners + 1, 'even if the process ends in between')
  screen.close()
  t.ok(terminal.cursor)
  t.equal(process.listenerCount('exit'), listeners)
  t.equal(terminal.listenerCount('resize'), 0)
})
