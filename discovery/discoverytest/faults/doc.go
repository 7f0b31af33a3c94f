// Package faults runs the etcd that is installed, as processes that can be killed and stopped, and
// a proxy that disturbs connections to it. Tests and measurements of discovery use both. Everything
// listens on 127.0.0.1.
package faults
