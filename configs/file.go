package configs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/peterbourgon/ff/v3"
	"github.com/peterbourgon/ff/v3/ffyaml"
	"go.yaml.in/yaml/v3"
)

// file reads YAML whose keys are the flags of fs. Its errors name the file.
func file(fs *flag.FlagSet) ff.ConfigFileParser {
	return func(r io.Reader, set func(name, value string) error) error {
		err := readYAML(r, func(key, value string) error {
			switch {
			case notSetting(key):
				return fmt.Errorf("key %q: can be a flag only", key)
			case fs.Lookup(key) == nil:
				return fmt.Errorf("unknown key %q (-h lists all)", key)
			}
			return set(key, value)
		})
		if parse, ok := errors.AsType[ffyaml.ParseError](err); ok {
			err = parse.Inner // without its prefix: ours says more
		}
		if err != nil {
			return fmt.Errorf("config %s: %w", fs.Lookup("config").Value, err)
		}
		return nil
	}
}

// readYAML refuses a key that is there twice, which ff's parser passes over.
func readYAML(r io.Reader, set func(key, value string) error) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, new(map[string]any)); err != nil {
		return err
	}
	return ffyaml.Parser(bytes.NewReader(text), set)
}
