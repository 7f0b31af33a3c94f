package collector

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// hostWarnInterval is the time without a refused host before the next one is logged, in seconds.
const hostWarnInterval = 10

// allowedHost reports whether a request with this Host is answered.
func (c *Collector) allowedHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true // no name that a foreign DNS server could have changed
	}
	return slices.ContainsFunc(c.config.Hosts, func(allowed string) bool {
		return allowed == "*" || strings.EqualFold(allowed, name)
	})
}

func (c *Collector) refuseHost(w http.ResponseWriter, r *http.Request) {
	if now := c.now().Unix(); now-c.hostWarned.Swap(now) >= hostWarnInterval {
		c.log.WarnContext(r.Context(), "request refused: host is not allowed", "host", r.Host)
	}
	text(w, http.StatusMisdirectedRequest, plainText,
		"the host "+r.Host+" is not allowed: see -"+c.config.flags.Name("hosts").Flag+"\n")
}

// allowOrigin permits a page of another origin to read the answer.
func (c *Collector) allowOrigin(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" || c.config.AllowOrigin == "" {
		return
	}
	if c.config.AllowOrigin != "*" {
		w.Header().Add("Vary", "origin")
		if origin != c.config.AllowOrigin {
			return
		}
	}
	w.Header().Set("Access-Control-Allow-Origin", c.config.AllowOrigin)
}

// preflight answers a question of a browser whether a page of another origin may send a request.
func (c *Collector) preflight(w http.ResponseWriter, r *http.Request, path string) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Origin") == "" ||
		r.Header.Get("Access-Control-Request-Method") == "" || c.config.AllowOrigin == "" {
		return false
	}
	if c.isOwn(path) {
		return false
	}
	c.allowOrigin(w, r)
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET,POST")
	h.Set("Access-Control-Allow-Headers", "content-type")
	h.Set("Access-Control-Max-Age", "0")
	w.WriteHeader(http.StatusOK)
	return true
}

// isOwn reports whether a path is no part of Zipkin's API.
func (c *Collector) isOwn(path string) bool {
	return c.routes[path].own || c.routes["POST "+path].own
}

// sameOrigin reports whether a request comes from the collector's own page, or from no page.
func sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	_, host, _ := strings.Cut(origin, "://")
	return host == r.Host
}
