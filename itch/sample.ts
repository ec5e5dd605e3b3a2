import { fileURLToPath } from 'node:url'

/** The path of a short day that comes with the package: 12,012 messages about three invented stocks. */
export const sample = fileURLToPath(
  new URL('itch/data/ex20101224.binaryfile.itch', import.meta.resolve('fanwire/package.json')),
)
