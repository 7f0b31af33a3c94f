package configs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lists are the flags whose value is a comma-separated list: a file may write them as a sequence.
var lists = []string{
	"admin-hosts", "baggage-allow", "baggage-tags", "etcd", "instance-metadata", "instances",
	"kafka-brokers", "otlp-headers", "propagation", "sample-operations", "tracer",
	"zipkin-headers",
}

// readFile returns the assignments of a YAML file. Its errors begin with the file's name and the
// line.
func readFile(flags *flag.FlagSet, path string) ([]assignment, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		if e, ok := errors.AsType[*iofs.PathError](err); ok {
			err = e.Err // without the path, which invalid redacts
		}
		return nil, Invalid("config", path, "must be a file that can be read: "+err.Error())
	}
	top, line, err := parseYAML(text)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, line, err)
	}
	if top == nil {
		return nil, nil
	}
	return (&yamlFile{flags, path}).assignments(top)
}

// parseYAML returns the mapping of the only document in text, nil if text has no content. An error
// comes with its line. It contains nothing of the text, which may be secret.
func parseYAML(text []byte) (top *yaml.Node, line int, err error) {
	documents, err := decode(text)
	if err != nil {
		return nil, brokenLine(text), errors.New("must be valid YAML (check quotes, brackets and " +
			"indentation; text that begins with a special character needs quotes)")
	}
	switch {
	case len(documents) > 1:
		return nil, documents[1].Line, errors.New("must be one YAML document, has a second one")
	case len(documents) == 0:
		return nil, 0, nil
	}
	top = documents[0].Content[0]
	switch {
	case top.Kind == yaml.ScalarNode && top.Value == "" && top.Style == 0:
		return nil, 0, nil
	case top.Kind != yaml.MappingNode || top.Style&yaml.TaggedStyle != 0 || top.Anchor != "":
		return nil, top.Line, errors.New(`must be settings, each on a line like "ttl: 10s"`)
	}
	return top, 0, nil
}

// decode returns all documents of text.
func decode(text []byte) (all []*yaml.Node, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		document := new(yaml.Node)
		switch err := decoder.Decode(document); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, document)
	}
}

// brokenLine returns the line at which text stops being YAML: the line after the longest prefix
// that is valid. Errors of the parser have no line, or the line at which an open quote or bracket
// meets the end of the text.
func brokenLine(text []byte) int {
	lines := slices.Collect(bytes.Lines(text))
	for end := len(text); len(lines) > 0; lines = lines[:len(lines)-1] {
		end -= len(lines[len(lines)-1])
		if _, err := decode(text[:end]); err == nil {
			break
		}
	}
	return len(lines)
}

// A yamlFile reads settings from the nodes of a file.
type yamlFile struct {
	flags *flag.FlagSet
	path  string
}

func (y *yamlFile) at(n *yaml.Node) string { return y.path + ":" + strconv.Itoa(n.Line) }

func (y *yamlFile) assignments(top *yaml.Node) ([]assignment, error) {
	var all []assignment
	lines := map[string]int{}
	for pair := range slices.Chunk(top.Content, 2) {
		key, node := pair[0], pair[1]
		if err := y.checkKey(key); err != nil {
			return nil, fmt.Errorf("%s: %w", y.at(key), err)
		}
		if line, ok := lines[key.Value]; ok {
			return nil, fmt.Errorf("%s: key %q: must occur once, but line %d has it too",
				y.at(key), key.Value, line)
		}
		lines[key.Value] = key.Line
		value, err := valueOf(key.Value, node)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", y.at(key), err)
		}
		all = append(all, assignment{key.Value, value, y.at(key)})
	}
	return all, nil
}

func (y *yamlFile) checkKey(key *yaml.Node) error {
	spell := func(flagName string) string { return flagName }
	switch {
	case key.Kind != yaml.ScalarNode || key.Style&yaml.TaggedStyle != 0 || key.Anchor != "":
		return errors.New("a key must be the name of a flag (no anchor, alias or tag)")
	case key.Value == "<<" && key.Style == 0:
		return errors.New(`key "<<": must be the name of a flag (merge keys are not supported)`)
	case isAction(key.Value):
		return fmt.Errorf("key %q: must be given as a flag only (a file holds settings)", key.Value)
	case y.flags.Lookup(key.Value) == nil:
		near := hint(y.flags, key.Value, spell)
		return fmt.Errorf("unknown key %q%s", redact("", key.Value), near)
	}
	return nil
}

// valueOf returns the value of a setting: the text as it is written, even where YAML sees a number.
func valueOf(name string, node *yaml.Node) (string, error) {
	var allowed string
	switch {
	case !isPlain(node):
		allowed = "must be text without anchor, alias or tag (quote what begins with one of & * !)"
	case node.Kind == yaml.SequenceNode && slices.Contains(lists, name):
		return listOf(name, node.Content)
	case node.Kind == yaml.SequenceNode:
		allowed = "must be one value, not a list"
	case node.Kind == yaml.MappingNode:
		allowed = "must be text, not keys and values"
	case isBlank(node):
		allowed = `must have a value ("" is empty text; text that begins with # needs quotes)`
	default:
		return node.Value, nil
	}
	return "", &settingError{name, "", allowed}
}

// listOf returns the value of a setting that is a sequence: the texts with commas between them.
func listOf(name string, nodes []*yaml.Node) (string, error) {
	var entries []string
	for i, entry := range nodes {
		allowed := ""
		switch {
		case entry.Kind != yaml.ScalarNode || !isPlain(entry) || isBlank(entry):
			allowed = "must be a list of texts (entry %d is not one)"
		case strings.TrimSpace(entry.Value) == "":
			allowed = "must have no empty entry (entry %d is empty)"
		case strings.Contains(entry.Value, ","):
			allowed = "must have one value in each entry (entry %d has a comma)"
		}
		if allowed != "" {
			return "", &settingError{name, "", fmt.Sprintf(allowed, i+1)}
		}
		entries = append(entries, entry.Value)
	}
	return strings.Join(entries, ","), nil
}

// isPlain reports whether a node has no anchor, is no alias, and has no tag but !!str.
func isPlain(n *yaml.Node) bool {
	tagged := n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str"
	return n.Kind != yaml.AliasNode && n.Anchor == "" && !tagged
}

// isBlank reports whether nothing is written behind a key or a dash.
func isBlank(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0
}
