import { test } from 'tap'
import { testMechanism } from './mechanisms.js'

// The client listens. Both, and more seeds, in the load tests.
testMechanism('PLAIN', test, { listeners: ['consumer'], seeds: [1] })
