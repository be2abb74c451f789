"""Long lives with their truth: months of a household's messages, faster than real time, and what really happened.

`Household` says who lives there with which devices and what is going on in these months; `Life` makes the messages day
by day; a `Mishap` is what goes wrong in one of them. One seed always gives the same messages.
"""
