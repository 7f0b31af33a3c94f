package discovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// A value is the content of a key: the address of one instance and its metadata.
type value struct {
	address  string
	metadata map[string]string
}

// A valueParser returns the content of a key, or an error that says what is wrong with it.
type valueParser func(text []byte) (value, error)

// parserOf returns the parser of a format.
func parserOf(format string) valueParser {
	foreign := format == FormatAuto
	return func(text []byte) (value, error) {
		v := value{address: string(text)}
		if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
			var err error
			if v, err = parseJSON(text, foreign); err != nil {
				return value{}, err
			}
		}
		if must := instanceRule(v.address); must != "" {
			return value{}, errors.New("address " + must)
		}
		return v, nil
	}
}

// parseJSON reads an object of one of the formats, which have no field in common but metadata:
//
//	naming/endpoints  {"Op": 0, "Addr": "host:port", "Metadata": any}
//	kratos            {"version": "1", "metadata": {…}, "endpoints": ["grpc://host:port"], …}
//	kitex             {"network": "tcp", "address": "host:port", "weight": 10, "tags": {…}}
func parseJSON(text []byte, foreign bool) (value, error) {
	// The names of encoding/json are case-insensitive: Metadata is read from metadata, too.
	var common struct {
		Op       int
		Addr     string
		Metadata json.RawMessage
	}
	if err := unmarshal(text, &common); err != nil {
		return value{}, err
	}
	v := value{address: common.Addr, metadata: parseMetadata(common.Metadata)}
	if common.Addr != "" && common.Op == 0 {
		return v, nil // whatever else the object has
	}
	if !foreign {
		return value{}, errUnknownFormat
	}
	err := v.parseForeign(text)
	return v, err
}

var errUnknownFormat = errors.New("is no JSON of a known format")

// unmarshal decodes JSON. Its error does not contain the text, which may be long.
func unmarshal(text []byte, to any) error {
	err := json.Unmarshal(text, to)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%w: field %s has another type", errUnknownFormat, wrong.Field)
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("is no JSON: %w", err)
	}
	if err != nil {
		return errUnknownFormat
	}
	return nil
}

// parseForeign adds what a value of kratos or kitex contains.
func (v *value) parseForeign(text []byte) error {
	var object struct {
		Version   string
		Endpoints []string
		Network   string
		Address   string
		Weight    *json.Number
		Tags      map[string]string
	}
	if err := unmarshal(text, &object); err != nil {
		return err
	}
	v.address = ""
	set := func(name, text string) {
		if text == "" {
			return
		}
		if v.metadata == nil {
			v.metadata = map[string]string{}
		}
		v.metadata[name] = text
	}
	switch {
	case object.Endpoints != nil:
		v.address = grpcEndpoint(object.Endpoints)
		if v.address == "" {
			return errors.New("has no endpoint grpc://host:port")
		}
		set("version", object.Version)
	case object.Address != "":
		if object.Network != "" && !strings.HasPrefix(object.Network, "tcp") {
			return errors.New("network must be tcp")
		}
		v.address = object.Address
		for name, text := range object.Tags {
			set(name, text)
		}
		if object.Weight != nil {
			set("weight", kitexWeight(*object.Weight))
		}
	default:
		return errUnknownFormat
	}
	return nil
}

// kitexWeight returns the weight of an instance of kitex. That of one that has registered none is
// the default of kitex's clients.
func kitexWeight(registered json.Number) string {
	if n, err := registered.Float64(); err != nil || n <= 0 {
		return "10"
	}
	return registered.String()
}

// grpcEndpoint returns the host and port of the first gRPC endpoint, or "". The scheme is grpcs if
// the server uses TLS.
func grpcEndpoint(endpoints []string) string {
	for _, endpoint := range endpoints {
		u, err := url.Parse(endpoint)
		if err == nil && (u.Scheme == "grpc" || u.Scheme == "grpcs") && u.User == nil {
			return u.Host
		}
	}
	return ""
}

// parseMetadata returns the fields of a JSON object that are strings, numbers or Booleans.
func parseMetadata(text json.RawMessage) map[string]string {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var fields map[string]any
	if len(text) == 0 || decoder.Decode(&fields) != nil {
		return nil
	}
	var metadata map[string]string
	for name, field := range fields {
		switch field.(type) {
		case string, json.Number, bool:
			if metadata == nil {
				metadata = map[string]string{}
			}
			metadata[name] = fmt.Sprint(field)
		}
	}
	return metadata
}

// formatValue returns the content of a key, which is the address alone if there is no metadata.
func formatValue(address string, metadata map[string]string) string {
	if len(metadata) == 0 {
		return address
	}
	text, err := json.Marshal(struct {
		Op       int
		Addr     string
		Metadata map[string]string
	}{0, address, metadata})
	if err != nil { // strings can always be encoded
		return address
	}
	return string(text)
}
