package discovery

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-kit/kit/sd"
)

// Kit returns r as a go-kit [sd.Registrar], whose methods have neither a context nor an error. Each
// call is limited by timeout, which must be positive, and its error is logged. If log is nil,
// nothing is logged.
func Kit(r Registrar, timeout time.Duration, log *slog.Logger) sd.Registrar {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &kitRegistrar{r, timeout, log}
}

type kitRegistrar struct {
	registrar Registrar
	timeout   time.Duration
	log       *slog.Logger
}

// Register implements [sd.Registrar].
func (k *kitRegistrar) Register() {
	k.call("cannot register", k.registrar.Register)
}

// Deregister implements [sd.Registrar].
func (k *kitRegistrar) Deregister() {
	k.call("cannot deregister", k.registrar.Deregister)
}

func (k *kitRegistrar) call(message string, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), k.timeout)
	defer cancel()
	if err := f(ctx); err != nil {
		k.log.Error(message, "err", err)
	}
}
