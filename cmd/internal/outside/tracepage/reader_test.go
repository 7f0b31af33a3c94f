package tracepage_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// The accessibility tree is what a screen reader gets.
func TestScreenReaderGetsWhatTheCanvasShows(t *testing.T) {
	_, b := showCall(t)
	answer, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree,
		accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string][]string{}
	for _, node := range answer.Nodes {
		if node.Role == nil || node.Name == nil || node.Ignored {
			continue
		}
		var role, name string
		if json.Unmarshal(node.Role.Value, &role) != nil ||
			json.Unmarshal(node.Name.Value, &name) != nil {
			t.Fatalf("have %s and %s, want texts", node.Role.Value, node.Name.Value)
		}
		names[role] = append(names[role], name)
	}
	for role, name := range map[string]string{
		"treeitem":   "bookserver book.bookservice/ getbooklist server ! error , 9.00 ms",
		"tree":       "Spans",
		"image":      "Overview of the trace; the waterfall shows 0 µs to 27.0 ms",
		"heading":    "bookclient bookcaller",
		"navigation": "Views",
		"textbox":    "Find in all fields",
	} {
		if !slices.Contains(names[role], name) {
			t.Errorf("%s: have %q, want one named %q", role, names[role], name)
		}
	}
	if have := len(names["treeitem"]); have != 7 {
		t.Errorf("tree items: have %d, want 7", have)
	}
}
