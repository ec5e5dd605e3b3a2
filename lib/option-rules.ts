/** The rules of options, public as `fanwire/options`: for the tables of those who write a transport. */
export { consumerOverflowRule } from './consumer-options.js'
export {
  badOption,
  boolean,
  bytes,
  callback,
  duration,
  group,
  integer,
  number,
  type OptionRule,
  type OptionsOf,
  type OptionTable,
  oneOf,
  rate,
  refuse,
  signal,
  text,
} from './options.js'
export { overflowRule } from './producer-options.js'
