import { FanwireError, wordsOf } from './errors.js'

/** How values of the application become data and back. Whatever it throws is reported with the message's end. */
export interface Codec<T> {
  encode(value: T): string | Uint8Array
  /** `data` is valid for as long as it is kept, and must not be changed. What throws is counted as `undecodable`. */
  decode(data: Uint8Array): T
}

/** A validator of any library that keeps to Standard Schema 1 (https://standardschema.dev), as far as it is used here. */
export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
  }
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Values as JSON. With a schema, what arrives is validated, and `value` is what the schema makes of it; what is sent is
 * not, since a schema that transforms describes the other direction.
 */
export function json<T = unknown>(schema?: StandardSchema<T>): Codec<T> {
  return {
    encode(value) {
      let encoded: string | undefined
      try {
        encoded = JSON.stringify(value)
      } catch (cause) {
        throw new FanwireError('BAD_VALUE', `the value has no form in JSON: ${wordsOf(cause)}`, { cause })
      }
      if (encoded === undefined) throw new FanwireError('BAD_VALUE', `${typeof value} has no form in JSON`)
      return encoded
    },
    decode(data) {
      let value: unknown
      try {
        value = JSON.parse(strict.decode(data))
      } catch (cause) {
        throw new FanwireError('UNDECODABLE', `the data is not JSON: ${wordsOf(cause)}`, { cause })
      }
      return schema === undefined ? (value as T) : validate(schema, value)
    },
  }
}

/** Values that are text, as UTF-8. */
export function text(): Codec<string> {
  return {
    encode: (value) => value,
    decode(data) {
      try {
        return strict.decode(data)
      } catch (cause) {
        throw new FanwireError('UNDECODABLE', 'the data is not UTF-8', { cause })
      }
    },
  }
}

/** Values that are bytes already: the same as no codec at all, where one must be named. */
export function bytes(): Codec<Uint8Array> {
  return { encode: (value) => value, decode: (data) => data }
}

function validate<T>(schema: StandardSchema<T>, value: unknown): T {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    // It is nobody's any more; left alone, its rejection would end the process.
    result.catch(() => undefined)
    throw new FanwireError('UNDECODABLE', 'the schema validates asynchronously; json() takes synchronous schemas only')
  }
  if (result.issues === undefined) return result.value
  throw new FanwireError('UNDECODABLE', result.issues.map(describe).join('; '), { cause: result.issues })
}

function describe({ message, path = [] }: StandardIssue): string {
  const where = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
  return where === '' ? message : `${where}: ${message}`
}
