package testkit

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// ServeHTTP2 starts a server for HTTP/2 in plain text, which logs nothing and stops at the end of
// the test. It returns the server's host:port.
func ServeHTTP2(t testing.TB, h http.Handler) (addr string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	srv.Start()
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.Listener.Addr().String()
}
