// Package e2e has no code, but tests: they run the commands as a user does, and look at what others see of them, an etcd,
// a Zipkin, a client that is not ours.
package e2e
