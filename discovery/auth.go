package discovery

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// An authenticator holds the token of a user of etcd. It implements
// [google.golang.org/grpc/credentials.PerRPCCredentials]. The etcd client can do the same, but then
// it cannot be created while etcd is down, and does not read a password again.
type authenticator struct {
	config Config

	// authenticating is a semaphore that is held during a request for a token. Unlike a mutex, it
	// can be waited for until a context ends.
	authenticating chan struct{}

	mu    sync.Mutex
	token string
	known bool // token is set, or etcd has answered that it needs none
}

// newAuthenticator returns nil if no user is configured.
func newAuthenticator(c Config) *authenticator {
	if c.User == "" {
		return nil
	}
	return &authenticator{config: c, authenticating: make(chan struct{}, 1)}
}

// GetRequestMetadata returns the token.
func (a *authenticator) GetRequestMetadata(
	context.Context, ...string,
) (map[string]string, error) {
	token, _ := a.get()
	if token == "" {
		return nil, nil
	}
	return map[string]string{rpctypes.TokenFieldNameGRPC: token}, nil
}

// RequireTransportSecurity returns false: whether etcd uses TLS is a setting of its own.
func (a *authenticator) RequireTransportSecurity() bool { return false }

func (a *authenticator) get() (token string, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.token, a.known
}

func (a *authenticator) set(token string, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token, a.known = token, known
}

// reset forgets a token that etcd has refused, unless there is a newer one.
func (a *authenticator) reset(refused string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == refused {
		a.token, a.known = "", false
	}
}

// ensure requests a token if there is none.
func (a *authenticator) ensure(ctx context.Context, client *clientv3.Client) error {
	select {
	case a.authenticating <- struct{}{}:
		defer func() { <-a.authenticating }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, known := a.get(); known {
		return nil
	}
	password, err := a.config.password()
	if err != nil {
		return err
	}
	resp, err := client.Authenticate(ctx, a.config.User, password)
	if errors.Is(err, rpctypes.ErrAuthNotEnabled) {
		a.set("", true)
		return nil
	}
	if err != nil {
		return err
	}
	a.set(resp.Token, true)
	return nil
}

// authenticated sends a request with a token, and again with a new one if etcd refuses the first.
func authenticated[T any](
	a *authenticator, client *clientv3.Client, request func(context.Context) (T, error),
) func(context.Context) (T, error) {
	if a == nil {
		return request
	}
	return func(ctx context.Context) (response T, err error) {
		for range 2 {
			if err = a.ensure(ctx, client); err != nil {
				return response, err
			}
			token, _ := a.get()
			if response, err = request(ctx); !tokenRefused(err) {
				return response, err
			}
			a.reset(token)
		}
		return response, err
	}
}

// tokenRefused reports whether a new token may help.
func tokenRefused(err error) bool {
	return errors.Is(err, rpctypes.ErrInvalidAuthToken) ||
		errors.Is(err, rpctypes.ErrAuthOldRevision) || errors.Is(err, rpctypes.ErrUserEmpty)
}

// password returns the password, which it reads anew if it is in a file.
func (c *Config) password() (string, error) {
	if c.PasswordFile == "" {
		return c.Password, nil
	}
	text, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", c.invalid("etcd-password-file", quote(c.PasswordFile),
			"must be a file that can be read: "+err.Error())
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
