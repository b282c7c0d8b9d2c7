"""How Lectern is started and deployed; nothing in services or shared knows this package."""
