package main

import "testing"

func TestKindOf(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004":                 "Apache 2.0",
		"Permission is hereby granted, free of\ncharge, to any person": "MIT",
		"Redistribution and use in source and binary\nforms, with":     "BSD",
		"GNU GENERAL PUBLIC LICENSE\nVersion 3":                        "",
		"No licence":                                                   "",
	} {
		if have := kindOf(text); have != want {
			t.Errorf("%q: have %q, want %q", text, have, want)
		}
	}
}
