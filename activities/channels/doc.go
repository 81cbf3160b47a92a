// Package channels carries a message to people: by mail, and by HTTP to Teams,
// Slack, ntfy, Gotify and whoever takes JSON. It sends once and says whether
// that worked; what is sent, when, and how often is decided elsewhere.
//
// Addresses and passwords are secrets: they are resolved for each message, kept
// in no field, and taken out of every error.
package channels
