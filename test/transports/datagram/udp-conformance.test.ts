import { numbered, raw } from '../../../transports/datagram/index.js'
import { ownHost } from '../../support/host.js'
import { testAddress } from './conformance.js'

testAddress(numbered, `udp://${ownHost}:0`, { heartbeatMs: 20 }, { goodbyeMs: 20 })
testAddress(raw, `raw+udp://${ownHost}:0`, {})
