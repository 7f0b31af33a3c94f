package settings

import (
	"errors"
	"net/url"
	"strconv"
)

// ParseURL parses an http or https URL with a host.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") ||
		!validURLPort(u.Port()) {
		return nil, errors.New("not an http or https URL") // err would show the text
	}
	return u, nil
}

// validURLPort accepts an absent port.
func validURLPort(port string) bool { return port == "" || ValidPort(port) }

// ValidPort reports whether port is a number from 1 to 65535.
func ValidPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// WithoutURL removes the URL from an error of package net/http: it may contain credentials.
func WithoutURL(err error) error {
	if inner, ok := errors.AsType[*url.Error](err); ok {
		return inner.Err
	}
	return err
}
