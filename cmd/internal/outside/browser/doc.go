// Package browser has only a test. It runs the commands, opens the address that bookclient prints
// in a real browser, and reads the page that a real Zipkin shows there.
package browser
