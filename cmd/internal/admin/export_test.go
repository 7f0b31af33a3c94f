package admin

// Serve serves a handler of the test's.
var Serve = serve
