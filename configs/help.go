package configs

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// A help is the text of -h. Its lines have at most 80 columns.
type help struct {
	about    string    // what the command does, one line
	common   []summary // of the flags that are used most
	examples []string
}

// A summary is the line about one flag.
type summary struct{ name, value, text string }

const (
	columns = 80 // of a terminal
	indent  = 25 // of the texts in -h
)

// printHelp prints the common flags and the examples. They fit a screen.
func (c *command) printHelp(w io.Writer) {
	name := c.flags.Name()
	all := 0
	c.flags.VisitAll(func(*flag.Flag) { all++ })
	fmt.Fprintf(w, "Usage: %s [flag ...]\n\n%s\n\n", name, c.help.about)
	fmt.Fprintf(w, "Common flags (%s -h all lists all %d):\n", name, all)
	for _, s := range c.help.common {
		line := fmt.Sprintf("%-*s%s", indent, "  -"+s.name+" "+s.value, s.text)
		if d := shownDefault(c.flags.Lookup(s.name)); len(line)+len(d) <= columns {
			line += d
		}
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w, "\nExamples:")
	for _, example := range c.help.examples {
		fmt.Fprintln(w, "  "+example)
	}
	setting := c.help.common[1].name
	fmt.Fprintf(w, "\nEach setting is a flag, a variable (%s) or a key of the file\n"+
		"(%s: …). A flag overrides a variable, a variable overrides the file.\n",
		c.prefix()+strings.ToUpper(strings.ReplaceAll(setting, "-", "_")), setting)
}

// printHelpAll prints every flag with its default, in groups.
func (c *command) printHelpAll(w io.Writer) {
	fmt.Fprintf(w, "Usage: %s [flag ...]\n\n%s\n", c.flags.Name(), c.help.about)
	for _, g := range c.groups {
		fmt.Fprintf(w, "\n%s:\n", g.title)
		for _, name := range g.flags {
			f := c.flags.Lookup(name)
			value, usage := flag.UnquoteUsage(f)
			fmt.Fprintln(w, strings.TrimRight("  -"+name+" "+value, " "))
			text := usage + strings.ReplaceAll(shownDefault(f), "(default ", "(default\u00a0")
			for _, line := range wrap(text, columns-8) {
				fmt.Fprintln(w, "        "+strings.ReplaceAll(line, "\u00a0", " "))
			}
		}
	}
}

// shownDefault returns the text about the default of a flag. It is empty if the default is empty or
// false.
func shownDefault(f *flag.Flag) string {
	if f.DefValue == "" || f.DefValue == "false" {
		return ""
	}
	return " (default " + redact(f.Name, f.DefValue) + ")"
}

// wrap breaks a text into lines of at most width characters, between words.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	return append(lines, line)
}
