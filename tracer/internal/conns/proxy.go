package conns

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// Proxy returns the proxy that the environment names for a request, nil for none: it is
// [http.ProxyFromEnvironment], whose error would show the variable, often with a password.
func Proxy(request *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(request)
	if err != nil {
		return nil, errProxy
	}
	return proxy, nil
}

var (
	errProxy    = errors.New("the environment names a proxy whose address is not valid")
	errNoAnswer = errors.New("CONNECT was not answered in HTTP")
)

// maxProxyAnswer is how much of a proxy's answer is read.
const maxProxyAnswer = 64 << 10

// DialThrough connects to the address, which is host:port, through an HTTP proxy (RFC 9110, section
// 9.3.6: CONNECT). The scheme of the proxy's URL is http or https. Its user and password are sent
// to the proxy. An error does not contain them.
func (s *Sockets) DialThrough(
	ctx context.Context, proxy *url.URL, address string,
) (net.Conn, error) {
	ports := map[string]string{"http": "80", "https": "443"}
	port, known := ports[proxy.Scheme]
	if !known {
		return nil, fmt.Errorf("proxy of scheme %q: must be http or https", proxy.Scheme)
	}
	ctx, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	host := net.JoinHostPort(proxy.Hostname(), cmp.Or(proxy.Port(), port))
	conn, err := s.Dial(ctx, "tcp", host)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	tunnel := conn
	if proxy.Scheme == "https" {
		tunnel = tls.Client(conn, &tls.Config{
			ServerName: proxy.Hostname(), MinVersion: tls.VersionTLS12,
		})
	}
	tunnel, err = connect(tunnel, proxy.User, address)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("proxy %s: %w", host, err)
	}
	return tunnel, nil
}

// connect asks the proxy for a tunnel.
func connect(conn net.Conn, user *url.Userinfo, address string) (net.Conn, error) {
	request := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address,
		Header: http.Header{},
	}
	if user != nil {
		password, _ := user.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString(
			[]byte(user.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	r := bufio.NewReader(io.LimitReader(conn, maxProxyAnswer))
	response, err := http.ReadResponse(r, request)
	if err != nil {
		return nil, errNoAnswer // err would show what the proxy has sent
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered CONNECT with %d %s",
			response.StatusCode, http.StatusText(response.StatusCode))
	}
	ahead, _ := r.Peek(r.Buffered()) // never fails
	if len(ahead) == 0 {
		return conn, nil
	}
	return &prefixedConn{conn, ahead}, nil
}

// A prefixedConn is a connection of which some bytes have been read ahead.
type prefixedConn struct {
	net.Conn
	ahead []byte
}

// Read implements [net.Conn].
func (c *prefixedConn) Read(b []byte) (int, error) {
	if len(c.ahead) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.ahead)
	c.ahead = c.ahead[n:]
	return n, nil
}
