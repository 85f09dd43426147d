"""How fast are the free starts of service centres found beside plain ways to find them?"""
