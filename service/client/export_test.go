package client

import "bookservice/service/client/internal/balance"

// WithEjection changes the settings of ejections that have no flag.
func WithEjection(change func(*balance.Ejection)) Option {
	return func(o *options) { o.changeEjection = change }
}
