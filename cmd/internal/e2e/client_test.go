package e2e_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"bookservice/tracer/tracertest/testkit"
)

// The output is fixed but for address, time and ids.
func TestOutput(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	_, addr := serve(t, e.at()...)
	zh := regexp.MustCompile(`^请求服务: ` + addr + ` 当前时间: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d\d
获取书籍详情
bookId: 1  =>  bookName: 21天精通php
获取书籍列表
bookId: 1  =>  bookName: 21天精通php
bookId: 2  =>  bookName: 21天精通java
$`)
	en := regexp.MustCompile(`^service: ` + addr + ` time: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d\d
book
bookId: 1  =>  bookName: 21天精通php
books
bookId: 1  =>  bookName: 21天精通php
bookId: 2  =>  bookName: 21天精通java
$`)
	tree := regexp.MustCompile(`trace: [0-9a-f]{32}
bookCaller bookclient \S+
├─ book.BookService/GetBookInfo CLIENT bookclient \S+
└─ book.BookService/GetBookList CLIENT bookclient \S+
$`)
	for name, test := range map[string]struct {
		args []string
		lang string
		want *regexp.Regexp
	}{
		"zh":            {[]string{"-lang", "zh"}, "LANG=C", zh},
		"en":            {[]string{"-lang", "en"}, "LANG=zh_CN.UTF-8", en},
		"LANG is zh":    {nil, "LANG=zh_CN.UTF-8", zh},
		"LANG is C":     {nil, "LANG=C", en},
		"memory's tree": {[]string{"-tracer", "memory"}, "LANG=C", tree},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := do(t, "bookclient", append(e.at(), test.args...), test.lang)
			if code != 0 || errs != "" || !test.want.MatchString(out) {
				t.Errorf("have status %d, %q and\n%s\nwant\n%s", code, errs, out, test.want)
			}
		})
	}
	t.Run("json", func(t *testing.T) {
		args := append(e.at(), "-json", "-id", "2", "-tracer", "log")
		code, out, errs := do(t, "bookclient", args)
		var have struct {
			Instances []string
			Info      []struct{ BookID int }
			List      []struct{ BookName string }
			TraceID   string
		}
		err := json.Unmarshal([]byte(out), &have)
		if err != nil || code != 0 || strings.Count(out, "\n") != 1 {
			t.Fatalf("have status %d, %v, %q and %q, want one object", code, err, out, errs)
		}
		if len(have.Instances) != 2 || have.Instances[0] != addr ||
			len(have.Info) != 1 || have.Info[0].BookID != 2 ||
			len(have.List) != 2 || have.List[1].BookName != "21天精通java" || len(have.TraceID) != 32 {
			t.Errorf("have %+v", have)
		}
	})
	t.Run("n", func(t *testing.T) {
		code, out, _ := do(t, "bookclient", append(e.at(), "-n", "3"))
		if code != 0 || strings.Count(out, "service: ") != 3 {
			t.Errorf("have status %d and\n%s\nwant three runs", code, out)
		}
	})
}

// A failure is one line on stderr, with the code and the id of the trace if there was a call. The
// status is 1.
func TestClientFailures(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t)
	silent, _ := silentAddr(t)
	refusing := testkit.ClosedAddr(t)
	_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1")
	static := func(addr string) []string {
		return []string{"-discovery", "static", "-instances", addr, "-tracer", "memory", "-json"}
	}
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"no server": {append(e.at(), "-wait", "1s"),
			[]string{"no instance", "/services/book/", e.Endpoints()[0]}},
		"etcd refuses":   {[]string{"-etcd", refusing, "-wait", "1s"}, []string{"etcd", refusing}},
		"etcd is silent": {[]string{"-etcd", silent, "-wait", "1s"}, []string{"etcd", silent}},
		"not found": {append(static(addr), "-id", "99"),
			[]string{"NotFound: book 99: not found", "(trace "}},
		"invalid": {append(static(addr), "-id", "-1"),
			[]string{"InvalidArgument: book_id -1: must be 1 or more", "(trace "}},
		"dead instance": {static(refusing), []string{"Unavailable: ", refusing, "(trace "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			code, out, errs := do(t, "bookclient", test.args)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v, want it within about -wait", took)
			}
			if lines := strings.Count(errs, "bookclient: "); code != 1 || out != "" || lines != 1 {
				t.Errorf("have status %d, %q and %q, want 1 and one line", code, out, errs)
			}
			for _, want := range test.want {
				if !strings.Contains(errs, want) {
					t.Errorf("have %q, want %q in it", errs, want)
				}
			}
		})
	}
}

var demoOutput = regexp.MustCompile(`^etcd +http://127.0.0.1:\d+
bookserver +127.0.0.1:\d+
bookserver +127.0.0.1:\d+
(service: 127.0.0.1:\d+ time: .+
){1,2}book
bookId: 1  =>  bookName: 21天精通php
books
bookId: 1  =>  bookName: 21天精通php
bookId: 2  =>  bookName: 21天精通java
trace: [0-9a-f]{32}
bookCaller bookclient \S+
├─ book.BookService/GetBookInfo CLIENT bookclient \S+
│  └─ book.BookService/GetBookInfo SERVER bookserver \S+
└─ book.BookService/GetBookList CLIENT bookclient \S+
   └─ book.BookService/GetBookList SERVER bookserver \S+
$`)

func TestDemo(t *testing.T) {
	t.Parallel()
	code, out, errs := do(t, "bookdemo", []string{"-exit"})
	if code != 0 || errs != "" || !demoOutput.MatchString(out) {
		t.Errorf("have status %d, %q and\n%s\nwant\n%s", code, errs, out, demoOutput)
	}
	p := start(t, "bookdemo", nil)
	testkit.Eventually(t, "the demo keeps running", func() bool {
		return strings.Contains(p.out.String(), "Ctrl-C")
	})
	p.signal(t, syscall.SIGINT)
	if code := p.wait(t); code != 0 || p.errs.String() != "" {
		t.Errorf("have status %d after Ctrl-C and %q, want 0", code, p.errs.String())
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"bookserver", "bookclient", "bookdemo"} {
		code, out, errs := do(t, command, []string{"-version"})
		if code != 0 || errs != "" || !strings.HasPrefix(out, command+" ") {
			t.Errorf("%s -version: have status %d, %q, %q", command, code, out, errs)
		}
		for _, args := range [][]string{{"-h"}, {"-h", "all"}} {
			code, out, errs := do(t, command, args)
			flags := strings.Contains(out, "-lang") || strings.Contains(out, "-tracer")
			if code != 0 || errs != "" || !flags {
				t.Errorf("%s %q: have status %d, %q, %q", command, args, code, out, errs)
			}
		}
	}
}
