package discovery

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-kit/kit/sd"
)

// Kit returns r as go-kit's sd.Registrar, whose calls have neither a context nor
// an error: each is bounded by timeout, which must be positive, and an error is
// logged. A nil logger logs nothing.
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

// Register implements sd.Registrar.
func (k *kitRegistrar) Register() {
	k.call("register failed", k.registrar.Register)
}

// Deregister implements sd.Registrar.
func (k *kitRegistrar) Deregister() {
	k.call("deregister failed", k.registrar.Deregister)
}

func (k *kitRegistrar) call(message string, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), k.timeout)
	defer cancel()
	if err := f(ctx); err != nil {
		k.log.Error(message, "err", err)
	}
}
