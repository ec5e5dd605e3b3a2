// Loaded into every file of tests before what tap loads: that would have a second thread read every module, so as to know
// later which files a test covers. Nobody asks that here, and it doubles the time that a file takes to start.
import module from 'node:module'

// tap takes the hooks of this thread where Node has them and `register` is gone: these do nothing.
module.register = undefined
module.registerHooks = () => undefined

// Processes that tests start are whole programs, which need none of this.
delete process.env.NODE_OPTIONS
