package discovery

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// minTTL is the shortest lease that leaves room for a second attempt.
const minTTL = 2 * time.Second

// Validate reports the first setting that makes no sense, in one line that names
// the flag, its value and what is allowed. Only the settings of the chosen kind
// are looked at.
func (c Config) Validate() error {
	k, ok := kinds[c.Kind]
	if !ok {
		return fmt.Errorf("discovery: unknown kind %q (have %s)", c.Kind, kindNames())
	}
	if err := k.check(c); err != nil {
		return fmt.Errorf("discovery: %w", err)
	}
	return nil
}

func checkEtcd(c Config) error {
	if err := checkAddresses("-etcd", c.Etcd, checkEndpoint); err != nil {
		return err
	}
	if err := checkSchemes(c.Etcd); err != nil {
		return err
	}
	if !strings.HasPrefix(c.Prefix, "/") || !strings.HasSuffix(c.Prefix, "/") {
		return fmt.Errorf("-prefix %q: want it to begin and end with a slash", c.Prefix)
	}
	if c.TTL < minTTL || c.TTL%time.Second != 0 {
		return fmt.Errorf("-ttl %s: want whole seconds, at least %s (etcd counts leases in seconds)", c.TTL, minTTL)
	}
	return checkDurations(c)
}

func checkDurations(c Config) error {
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"-etcd-dial-timeout", c.DialTimeout},
		{"-etcd-keepalive", c.DialKeepAlive},
		{"-etcd-timeout", c.Timeout},
	} {
		if d.value <= 0 {
			return fmt.Errorf("%s %s: want more than 0s", d.flag, d.value)
		}
	}
	return nil
}

func checkStatic(c Config) error {
	return checkAddresses("-instances", c.Instances, checkAddress)
}

// checkAddresses wants one address at least, each as check wants it, none twice.
func checkAddresses(flag string, addresses []string, check func(string) error) error {
	if len(addresses) == 0 {
		return fmt.Errorf("%s %q: want one address at least", flag, "")
	}
	seen := make(map[string]bool, len(addresses))
	for _, address := range addresses {
		if err := check(address); err != nil {
			return fmt.Errorf("%s %q: %w", flag, address, err)
		}
		bare := strings.ToLower(bareAddress(address))
		if seen[bare] {
			return fmt.Errorf("%s %q: is there twice (want each address once)", flag, address)
		}
		seen[bare] = true
	}
	return nil
}

// checkSchemes refuses a mix, because a connection to etcd is either encrypted to
// all members or to none.
func checkSchemes(endpoints []string) error {
	secure := strings.HasPrefix(endpoints[0], "https://")
	for _, endpoint := range endpoints[1:] {
		if strings.HasPrefix(endpoint, "https://") != secure {
			return fmt.Errorf("-etcd %q: want https:// for all addresses or for none", strings.Join(endpoints, ","))
		}
	}
	return nil
}

func checkEndpoint(endpoint string) error {
	if checkAddress(bareAddress(endpoint)) != nil {
		return errors.New("want host:port, http://host:port or https://host:port, with a port from 1 to 65535")
	}
	return nil
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isPort(port) || host == "" || strings.ContainsAny(host, "/,@?# \t\r\n\"") {
		return errors.New("want host:port, with a port from 1 to 65535")
	}
	return nil
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func bareAddress(endpoint string) string {
	for _, scheme := range []string{"http://", "https://"} {
		if bare, ok := strings.CutPrefix(endpoint, scheme); ok {
			return bare
		}
	}
	return endpoint
}
