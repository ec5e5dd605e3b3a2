import { numbered, raw } from '../../../transports/datagram/index.js'
import { testAddress } from './conformance.js'

testAddress(numbered, 'udp://127.0.0.1:0', { heartbeatMs: 20 })
testAddress(raw, 'raw+udp://127.0.0.1:0', {})
