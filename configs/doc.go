// Package configs holds the shipped YAML files and turns flags, environment and file into the settings of a command.
//
// One flag set a command is the whole surface. The environment (BOOKSERVER_ZIPKIN_URL) and the file (zipkin-url: …)
// are two other ways to set the same flags: flag before environment before file before default. Each area brings its
// own Config, flags and checks; nothing here knows what they mean.
package configs
