// Package e2e has tests only. They run the commands as processes and check what is visible from
// outside: to a user, etcd, Zipkin, and a gRPC client that is not ours.
package e2e
