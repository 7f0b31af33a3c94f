package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

const savedName = "saved.html"

// templateHead and templateTail are around the spans. The policy allows the file's own style and
// script, by their hashes, and no request.
const (
	templateHead = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Trace</title>
<link rel="icon" href="data:,">
<style>%s</style></head>
<body>
<script type="application/json" id="spans" data-saved="`
	templateTail = `</script>
<script type="module" id="page">%s</script>
</body>
</html>
`
)

// dataStart ends the attribute and begins the spans.
const dataStart = `">`

// template returns the saved page with an empty list of spans.
func template() []byte {
	before, after := templateParts()
	return slices.Concat(before, []byte("0"+dataStart+"[]"), after)
}

// templateParts returns what is before the time of saving and what is after the spans.
func templateParts() (before, after []byte) {
	files := source()
	script := bundle(files)
	style := read(files, "style.css")
	policy := fmt.Sprintf("default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; "+
		"img-src data: blob:; base-uri 'none'; form-action 'none'", hash(script), hash(style))
	return fmt.Appendf(nil, templateHead, policy, style), fmt.Appendf(nil, templateTail, script)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// escapeJSON writes "<" as an escape, which JSON has only within strings, so that no text ends the
// script element.
func escapeJSON(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte("<"), []byte(`\u003c`))
}

// read returns an embedded file. A file that is missing is a mistake in this package, which its
// tests find.
func read(files fs.FS, name string) string {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err)
	}
	return string(content)
}

// bundle returns main.js and all that it imports as one script. Each module becomes a function that
// returns what it exports; modules that are imported come first. It relies on the form in which
// the modules are written: imports of names at the top, exports of declarations.
func bundle(files fs.FS) string {
	imports := regexp.MustCompile(`(?m)^import \{([^}]*)\} from '\./([a-z]+)\.js';\n`)
	exports := regexp.MustCompile(`(?m)^export ((?:async )?(?:function\*?|class|const) (\w+))`)
	var out strings.Builder
	out.WriteString("'use strict';\n")
	done := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if done[name] {
			return
		}
		done[name] = true
		text := read(files, name+".js")
		for _, match := range imports.FindAllStringSubmatch(text, -1) {
			add(match[2])
		}
		body := imports.ReplaceAllString(text, "const {$1} = module_$2;\n")
		var names []string
		for _, match := range exports.FindAllStringSubmatch(body, -1) {
			names = append(names, match[2])
		}
		body = exports.ReplaceAllString(body, "$1")
		fmt.Fprintf(&out, "const module_%s = (() => {\n%s\nreturn {%s};\n})();\n", name, body,
			strings.Join(names, ", "))
	}
	add("main")
	return out.String()
}
