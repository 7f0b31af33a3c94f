package tracer_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// TestBaggageIsPassedOnByteForByte extracts headers that a new encoding would lengthen, shorten or
// reorder. Each is passed on as it was received, over every carrier, with the items that it states.
func TestBaggageIsPassedOnByteForByte(t *testing.T) {
	full := "a=" + strings.Repeat("+", 4000) + strings.Repeat("v", 4190)
	for name, header := range map[string]string{
		"8192 bytes with plus signs": full,
		"8192 bytes of equals signs": "a=" + strings.Repeat("=", 8190),
		"64 members":                 strings.Repeat("k=+,", 63) + "k=+",
		"percent sequences":          "a=%20%2b%2B%2c,b=100%,c=%,d=%4,e=%zz,f=%25%",
		"needless encoding":          "a=%61%62",
		"not UTF-8":                  "a=%ff%FE,b=%C3",
		"white space":                "a = 1 ,  b=2; c = d ;e,f =",
		"properties":                 "a=1;p=+;q;r=%20,b=2; p",
		"repeated keys":              "a=1,b=2,a=3;p,a=3",
		"keys in two cases":          "User=a,user=b",
		"equals signs":               "a==b==,b===",
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, nil)
			for _, format := range []any{opentracing.TextMap, opentracing.HTTPHeaders} {
				sc, err := tr.Extract(format, lines{{"baggage", " " + header + "\t "}})
				if err != nil {
					t.Fatal(err)
				}
				if have := inject(t, tr, sc)["baggage"]; have != strings.TrimSpace(header) {
					t.Errorf("have %d bytes sent, want %d:\n%s\n%s", len(have), len(header),
						have, header)
				}
				child := tr.StartSpan("x", opentracing.ChildOf(sc))
				for carrier, carry := range carriers {
					again, err := carry(tr, child.Context())
					if err != nil {
						t.Fatalf("%s: %v", carrier, err)
					}
					if have := inject(t, tr, again)["baggage"]; have != header {
						t.Errorf("%s: have %q sent on, want %q", carrier, have, header)
					}
					if diff := cmp.Diff(baggageOf(sc), baggageOf(again)); diff != "" {
						t.Errorf("%s: -first +second service\n%s", carrier, diff)
					}
				}
			}
			if tracer.Malformed(tr) > 0 || tracer.BaggageDropped(tr) > 0 {
				t.Errorf("have %d malformed, %d dropped, want none", tracer.Malformed(tr),
					tracer.BaggageDropped(tr))
			}
		})
	}
}

// TestBaggageItemsAreDecoded reads the items of headers that are passed on as they are.
func TestBaggageItemsAreDecoded(t *testing.T) {
	tr, _ := memory(t, nil)
	sc := extract(t, tr, lines{{"baggage",
		"a=1+1;p, b = %2B%20 ,c=100%,d=%zz%4,e=%ff%C3%A4,a=2;q"}})
	want := []string{"a=2", "b=+ ", "c=100%", "d=%zz%4", "e=\uFFFDä"}
	if diff := cmp.Diff(want, baggageOf(sc)); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// TestSettingBaggageKeepsTheOtherMembers sets items. The members of other items stay byte for byte,
// in their order; the new item comes last.
func TestSettingBaggageKeepsTheOtherMembers(t *testing.T) {
	const header = "a=1+1;p=+ ,b = %ff;q,a=2,c=100%"
	for name, test := range map[string]struct{ key, value, want string }{
		"new item":      {"d", "x+y", header + ",d=x%2By"},
		"same item":     {"b", "2", "a=1+1;p=+,a=2,c=100%,b=2"},
		"repeated item": {"a", "%", "b = %ff;q,c=100%,a=%25"},
		"other case":    {"B", "2", header + ",B=2"},
		"prefix of key": {"aa", "2", header + ",aa=2"},
	} {
		for _, share := range []float64{0, 1} {
			tr, _ := memory(t, ofShare(share))
			sc := extract(t, tr, lines{{"baggage", header}, {"traceparent", w3cParent}})
			span := tr.StartSpan("x", opentracing.ChildOf(sc)).SetBaggageItem(test.key, test.value)
			if have := inject(t, tr, span.Context())["baggage"]; have != test.want {
				t.Errorf("%s: have %q, want %q", name, have, test.want)
			}
			if have := span.BaggageItem(test.key); have != test.value {
				t.Errorf("%s: have item %q, want %q", name, have, test.value)
			}
			if have := inject(t, tr, sc)["baggage"]; have != header {
				t.Errorf("%s: have %q of the earlier context, want %q", name, have, header)
			}
		}
	}
}

// TestBaggageLimitsApplyToTheTotal sets items beside a header that has used up one of the limits.
// They are dropped and counted, and the header stays.
func TestBaggageLimitsApplyToTheTotal(t *testing.T) {
	full := "a=" + strings.Repeat("+", 8190)
	var many []string
	for i := range 63 {
		many = append(many, fmt.Sprintf("k%02d=+", i))
	}
	items := strings.Join(append(many, "k00=again"), ",")
	for name, header := range map[string]string{"bytes": full, "items": items} {
		tr, _ := memory(t, nil)
		sc := extract(t, tr, lines{{"baggage", header}})
		span := tr.StartSpan("x", opentracing.ChildOf(sc)).SetBaggageItem("b", "")
		have := inject(t, tr, span.Context())["baggage"]
		if have != header || tracer.BaggageDropped(tr) != 1 {
			t.Errorf("%s: have %d bytes sent and %d items dropped, want %d and 1", name, len(have),
				tracer.BaggageDropped(tr), len(header))
		}
	}
	t.Run("a member that does not fit", func(t *testing.T) {
		tr, _ := memory(t, nil)
		sc := extract(t, tr, lines{{"baggage", "b=+;p," + full + ",c=%"}})
		have := inject(t, tr, sc)["baggage"]
		if have != "b=+;p,c=%" || tracer.BaggageDropped(tr) != 1 {
			t.Errorf("have %d bytes sent and %d dropped, want the others", len(have),
				tracer.BaggageDropped(tr))
		}
	})
	t.Run("only white space exceeds", func(t *testing.T) {
		tr, _ := memory(t, nil)
		sc := extract(t, tr, lines{{"baggage", "b=1" + strings.Repeat(" ", 8190) + ",c=%"}})
		if have := inject(t, tr, sc)["baggage"]; have != "b=1,c=%" {
			t.Errorf("have %q sent, want the members without the space between them", have)
		}
	})
}

// TestLongForeignBaggageIsNotLost converts baggage of other tracers whose values fit only if the
// plus sign is not encoded.
func TestLongForeignBaggageIsNotLost(t *testing.T) {
	value := strings.Repeat("+", 8000)
	for _, name := range []string{"uberctx-a", "baggage-a", "ot-baggage-a"} {
		tr, _ := memory(t, nil)
		sc := extract(t, tr, lines{{name, value}})
		out := inject(t, tr, sc)
		if out["baggage"] != "a="+value || !slices.Equal(baggageOf(sc), []string{"a=" + value}) {
			t.Errorf("%s: have %d bytes sent, want %d", name, len(out["baggage"]), len(value)+2)
		}
	}
	tr, _ := memory(t, nil)
	sc, err := tr.Extract(opentracing.HTTPHeaders, lines{
		{"uberctx-a", url.QueryEscape(strings.Repeat("ä+", 900))}, {"baggage", "b=+"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "b=+,a=" + strings.Repeat("%C3%A4%2B", 900)
	if have := inject(t, tr, sc)["baggage"]; have != want[:len(have)] || len(have) != len(want) {
		t.Errorf("have %d bytes sent, want %d", len(have), len(want))
	}
	span := tr.StartSpan("x").SetBaggageItem("a", value)
	if have := inject(t, tr, span.Context())["baggage"]; have != "a="+value {
		t.Errorf("have %d bytes of an item that was set, want %d", len(have), len(value)+2)
	}
}
