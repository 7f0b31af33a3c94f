package admin

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// hostWarnInterval is the minimum time between two lines about refused hosts, in seconds.
const hostWarnInterval = 10

// checkHost answers requests whose Host is not allowed with status 421. A browser sends such
// requests for a page whose name a foreign DNS server has changed to a loopback address (DNS
// rebinding).
func checkHost(c Config, next http.Handler, log *slog.Logger) http.Handler {
	own, _, _ := net.SplitHostPort(c.Addr)
	var warned atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if allowedHost(r.Host, own, c.Hosts) {
			next.ServeHTTP(w, r)
			return
		}
		now, last := time.Now().Unix(), warned.Load()
		if now-last >= hostWarnInterval && warned.CompareAndSwap(last, now) {
			log.WarnContext(r.Context(), "request refused: host is not allowed", "host", r.Host)
		}
		http.Error(w, "the host is not allowed: see -admin-hosts", http.StatusMisdirectedRequest)
	})
}

// allowedHost reports whether a request with this Host is answered.
func allowedHost(host, own string, hosts []string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true // DNS does not resolve an address
	}
	return strings.EqualFold(name, own) || slices.ContainsFunc(hosts, func(allowed string) bool {
		return allowed == "*" || strings.EqualFold(allowed, name)
	})
}
