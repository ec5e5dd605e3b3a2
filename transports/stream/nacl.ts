import { KEY_SIZE, type Nacl } from '../../lib/framing/zmtp/curve-crypto.js'
import { badOption } from '../../lib/options.js'

/** What the ciphers of this family begin with. */
const SIGMA = words(Uint8Array.from('expand 32-byte k', (character) => character.charCodeAt(0)))

/**
 * NaCl, made of two packages that are installed by those who want CURVE.
 *
 * @throws {FanwireError} `BAD_OPTION` where they are not, with the line that installs them
 */
export async function loadNacl(): Promise<Nacl> {
  const [{ x25519 }, { hsalsa, xsalsa20poly1305 }] = await loadPackages()
  return {
    publicKey: (secretKey) => x25519.getPublicKey(secretKey),
    sharedKey(publicKey, secretKey) {
      const key = new Uint8Array(KEY_SIZE)
      const secret = Uint8Array.from(x25519.getSharedSecret(secretKey, publicKey))
      hsalsa(SIGMA, words(secret), new Uint32Array(4), words(key))
      return key
    },
    seal: (key, nonce, plain, output) => xsalsa20poly1305(key, nonce).encrypt(plain, output),
    open: (key, nonce, box) => xsalsa20poly1305(key, nonce).decrypt(box),
  }
}

async function loadPackages() {
  try {
    return await Promise.all([import('@noble/curves/ed25519.js'), import('@noble/ciphers/salsa.js')])
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw badOption('curve needs two packages that are not installed: npm install @noble/curves @noble/ciphers')
  }
}

/** The same memory. */
function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}
