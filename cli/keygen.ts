import { createCurveKeys } from '../lib/index.js'
import { command, toggle, UsageError } from './command.js'

export const keygen = command({
  name: 'keygen',
  usage: '[options]',
  summary: 'Prints a new pair of keys for CURVE, in Z85.',
  details: `Whoever has the secret key is whoever it was made for: keep it in a file that nobody else can read. An end takes the
file as it is: ?curve=server&secretKey=FILE, and those who know its public key ?curve=client&serverKey=FILE.`,
  flags: {
    json: toggle('print an object with publicKey and secretKey'),
  },
  examples: [
    ['(umask 077 && fanwire keygen > server.keys)', 'into a file that only you can read'],
    ['fanwire keygen --json', 'as an object'],
  ],
  async run(words, { json }) {
    if (words.length > 0) throw new UsageError(`keygen takes no words, got ${words[0]}`)
    const keys = createCurveKeys()
    const text = `public-key = "${keys.publicKey}"\nsecret-key = "${keys.secretKey}"`
    process.stdout.write(`${json ? JSON.stringify(keys) : text}\n`)
  },
})
