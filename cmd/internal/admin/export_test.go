package admin

// Serve serves a handler of a test.
var Serve = serve
