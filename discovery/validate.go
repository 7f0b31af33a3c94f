package discovery

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minTTL is the shortest TTL. With a shorter one, a renewal that fails could not be repeated before
// the lease expires.
const minTTL = 2 * time.Second

// Validate returns an error for the first invalid setting. It has the form "-flag value: must be …"
// and a method Setting() string, which returns the name of the flag without the dash. User names,
// passwords and queries in addresses are masked.
//
// The settings of both kinds are checked, whichever is selected. The settings of a kind that is not
// selected may be zero.
func (c Config) Validate() error {
	names := kindNames()
	if _, ok := kinds[c.Kind]; !ok {
		return c.invalid("discovery", quote(c.Kind), "must be one of "+strings.Join(names, ", "))
	}
	for _, name := range names {
		if err := kinds[name].check(c, name == c.Kind); err != nil {
			return err
		}
	}
	return nil
}

func checkEtcd(c Config, selected bool) error {
	if err := c.checkAddresses("etcd", c.Etcd, endpointRule, selected); err != nil {
		return err
	}
	if err := c.checkSchemes(); err != nil {
		return err
	}
	if err := c.checkCredentials(); err != nil {
		return err
	}
	if must := c.prefixRule(); (selected || c.Prefix != "") && must != "" {
		return c.invalid("prefix", quote(c.Prefix), must)
	}
	switch c.Format {
	case "", FormatPlain, FormatAuto:
	default:
		return c.invalid("discovery-format", quote(c.Format),
			"must be one of "+FormatAuto+", "+FormatPlain)
	}
	if (selected || c.TTL != 0) && (c.TTL < minTTL || c.TTL%time.Second != 0) {
		return c.invalid("ttl", c.TTL.String(),
			fmt.Sprintf("must be %s or more, in whole seconds", minTTL))
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"etcd-dial-timeout", c.DialTimeout},
		{"etcd-keepalive", c.DialKeepAlive},
		{"etcd-timeout", c.Timeout},
	} {
		if d.value < 0 || selected && d.value == 0 {
			return c.invalid(d.flag, d.value.String(), "must be more than 0")
		}
	}
	if err := c.checkMetadata(); err != nil {
		return err
	}
	switch c.Register {
	case "", RegisterWait, RegisterBackground:
		return nil
	default:
		return c.invalid("register", quote(c.Register),
			"must be one of "+RegisterBackground+", "+RegisterWait)
	}
}

func (c Config) checkMetadata() error {
	for _, name := range slices.Sorted(maps.Keys(c.Metadata)) {
		text := c.Metadata[name]
		if name == "" { // what the flag has not read
			_, must := parsePairs(text)
			return c.invalid("instance-metadata", strconv.Quote(text), cmp.Or(must, mustBePairs))
		}
		pair := strconv.Quote(name + "=" + text)
		if text == "" || strings.ContainsAny(name, "=,") || strings.Contains(text, ",") {
			return c.invalid("instance-metadata", pair, mustBePairs)
		}
		if name != "weight" {
			continue
		}
		if w, err := strconv.ParseFloat(text, 64); err != nil || !(w >= 0) || math.IsInf(w, 1) {
			return c.invalid("instance-metadata", pair,
				"must have a weight that is a number of 0 or more")
		}
	}
	return nil
}

func checkStatic(c Config, selected bool) error {
	if c.Subset < 0 {
		return c.invalid("subset", strconv.Itoa(c.Subset), "must be 0 or more")
	}
	return c.checkAddresses("instances", c.Instances, instanceRule, selected)
}

// checkAddresses returns an error if an address does not comply with the rule or is listed twice,
// or if there is none although one is required.
func (c Config) checkAddresses(flag string, addresses []string, r rule, required bool) error {
	if required && len(addresses) == 0 {
		return c.invalid(flag, `""`, "must be at least one address")
	}
	for i, address := range addresses {
		if must := r(address); must != "" {
			return c.invalid(flag, strconv.Quote(redact(addresses, r)[i]), must)
		}
	}
	seen := make(map[string]bool, len(addresses))
	for _, address := range addresses {
		bare := strings.ToLower(withoutScheme(address))
		if seen[bare] {
			return c.invalid(flag, strconv.Quote(address), "must be listed only once")
		}
		seen[bare] = true
	}
	return nil
}

// checkSchemes returns an error if only some members of etcd have an https address. The etcd client
// uses TLS for all members or for none.
func (c Config) checkSchemes() error {
	secure := 0
	for _, endpoint := range c.Etcd {
		if strings.HasPrefix(endpoint, "https://") {
			secure++
		}
	}
	if secure != 0 && secure != len(c.Etcd) {
		return c.invalid("etcd", strconv.Quote(strings.Join(c.Etcd, ",")),
			"must be https:// for all addresses or for none")
	}
	return nil
}

// prefixRule returns what the prefix must be, or "". Keys of kitex and go-zero begin with no slash.
func (c Config) prefixRule() string {
	switch {
	case c.Format == FormatAuto && !strings.HasSuffix(c.Prefix, "/"):
		return "must be a path that ends with a slash"
	case c.Format == FormatAuto:
		return ""
	case !strings.HasPrefix(c.Prefix, "/") || !strings.HasSuffix(c.Prefix, "/"):
		return "must be a path that begins and ends with a slash"
	default:
		return ""
	}
}

// checkCredentials returns an error for settings of TLS and of the user that do not fit together.
func (c Config) checkCredentials() error {
	etcd, user := "-"+c.flagPrefix+"etcd", "-"+c.flagPrefix+"etcd-user"
	for _, f := range []struct{ flag, path, other, otherPath string }{
		{"etcd-ca", c.CA, "", ""},
		{"etcd-cert", c.Cert, "etcd-key", c.Key},
		{"etcd-key", c.Key, "etcd-cert", c.Cert},
	} {
		switch {
		case f.path == "":
		case len(c.Etcd) > 0 && !c.secure():
			return c.invalid(f.flag, quote(f.path), "must be empty unless "+etcd+" is https://")
		case f.other != "" && f.otherPath == "":
			return c.invalid(f.flag, quote(f.path),
				"must be empty unless -"+c.flagPrefix+f.other+" is set")
		}
	}
	switch {
	case c.User == "" && c.Password != "":
		return c.invalid("etcd-password", "", "must be empty unless "+user+" is set")
	case c.User == "" && c.PasswordFile != "":
		return c.invalid("etcd-password-file", quote(c.PasswordFile),
			"must be empty unless "+user+" is set")
	case c.Password != "" && c.PasswordFile != "":
		return c.invalid("etcd-password-file", quote(c.PasswordFile),
			"must be empty if -"+c.flagPrefix+"etcd-password is set")
	case c.User != "" && c.Password == "" && c.PasswordFile == "":
		return c.invalid("etcd-user", quote(c.User),
			"must be empty unless -"+c.flagPrefix+"etcd-password is set")
	}
	return nil
}
