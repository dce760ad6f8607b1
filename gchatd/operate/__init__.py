"""What an operator needs beside the server itself."""
