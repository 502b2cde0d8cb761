"""Reminders (催报): letters a person asks for, and those that go out by themselves."""
