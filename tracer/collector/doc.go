// Package collector receives spans over HTTP, keeps them in memory and answers questions about
// them.
package collector
